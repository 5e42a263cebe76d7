"""The documented servers, modelled in memory: the whole engine runs on them in seconds, without containers.

``platform`` puts them together behind the same protocols as the real clients; each other module models one kind of
server, and boots it from the plan's own files and flags. The models are honest: they know nothing of scenarios, and a
run on them is recorded as runtime ``fake`` with images whose digest says so.
"""
