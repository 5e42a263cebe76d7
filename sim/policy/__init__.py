"""Kubernetes NetworkPolicy as values: what manifests say, what it allows, and the nftables text that enforces it."""
