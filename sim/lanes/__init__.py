"""Scenarios on several stacks at once: a lane is a stack and the process that rehearses on it.

A process each, not a thread: one drill's work then never delays another's clock, an interruption reaches a scenario as
it always does, and a lane that dies takes nobody with it. ``sharing.py`` deals scenarios out, ``conducting.py`` is the
run's story over all lanes, ``lane.py`` the rig's end of one, ``worker.py`` the other; ``messages.py`` is what goes
between them.
"""
