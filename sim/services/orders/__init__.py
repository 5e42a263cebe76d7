"""Orders: turns a basket into an order, carries it through the checkout's saga and through its life.

In reading order: ``api`` (routes and bodies), ``saga`` (what an order does next, pure), ``checkout`` (how one comes to
be), ``ledger`` (orders in MySQL), ``views`` (what callers see, and the cache of it), ``service``.
"""
