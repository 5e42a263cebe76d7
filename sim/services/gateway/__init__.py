"""The one HTTP front of the platform: verifies, limits, transforms, and asks the services over RabbitMQ.

In reading order: ``routing`` (which route is meant), ``tokens`` and ``revocations`` (who calls), ``clients`` and
``rates`` (how often), ``bodies``, ``idempotency`` and ``targets`` (what may be asked), ``circuits`` (whom to ask at
all), ``forwarding`` (the call), ``answers`` and ``fieldsets`` (what goes back), ``openapi`` and ``pages``
(what is published), ``app`` (the ASGI application) and ``run``.
"""
