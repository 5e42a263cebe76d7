"""A believable shop from a seed, put into a running platform through its gateway as an administrator would.

In reading order: ``shop`` (what a seeded shop is, as data), ``words`` and ``pages`` (what it is made of), ``pictures``
(PNG), ``generate`` (a shop from a seed; pure), ``client`` (the gateway, patiently), ``fill`` (make what is missing,
touch nothing that is there).
"""
