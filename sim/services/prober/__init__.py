"""Probes from inside pods' network namespaces: one process that stands alone, run by root or in a tools container."""
