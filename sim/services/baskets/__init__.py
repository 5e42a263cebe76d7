"""Baskets: one current basket a user, priced as the catalogue last said, cleared of exactly what was ordered.

In reading order: ``api`` (routes and bodies), ``contents`` (what a basket is and how it changes, in the database),
``copies`` (what Redis keeps of it), ``shopping`` (what its owner does), ``hearing`` (what happens to it), ``service``.
"""
