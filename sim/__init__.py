"""A local full-stack simulator and integration test rig for a documented Kubernetes e-commerce platform."""

__version__ = "0.1.0"
