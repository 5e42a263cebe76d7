"""What runs inside containers of ours: the alert sink, the gateway and the thirteen microservices.

Nothing here imports the rest of the project: it is copied into images. In reading order: ``contract`` is what anybody
may rely on, as data (routes, events, queues, environment variables, roles); ``chassis`` is what every service is made
of; then one package a service, ``api.py`` (its routes and bodies, pure data) beside ``service.py`` (its behaviour) and
``migrations/``; and ``gateway``, the one HTTP front.
"""
