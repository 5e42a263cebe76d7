"""Products: the catalogue and its search, the stock and what is held of it, the images.

In reading order: ``api`` (routes and bodies), ``search`` (words and cursors), ``freshness`` (what Redis may answer),
``catalogue``, ``shelf`` (every change of stock), ``inventory`` (receiving and correcting), ``reservations`` (holding
for an order), ``sales`` (what becomes of what was held), ``images``, ``service``.
"""
