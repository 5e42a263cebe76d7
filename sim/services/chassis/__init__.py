"""What every service is made of: settings, broker link, requests, events with inbox and outbox, database, health.

A service says what it does as a :class:`~sim.services.chassis.service.Service`; the chassis runs it.
"""
