"""The shop in memory: the gateway and the thirteen services as their callers see them, with what is committed kept.

``model`` is the state and its switches, ``front`` the gateway, ``post`` how events travel, one module of routes a group
of services, and ``shop`` all of it together.
"""
