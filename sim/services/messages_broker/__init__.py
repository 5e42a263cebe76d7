"""The messages-broker service: declares the messaging topology, shows and requeues dead letters."""
