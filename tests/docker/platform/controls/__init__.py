"""Services that do what must not be done, each started as ``sitecustomize`` of an image of its own.

No service has a switch for any of it: what is shipped cannot be told to forget.
"""
