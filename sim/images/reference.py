"""Image references: ``[registry/]repository[:tag][@digest]``, as the engine spells them."""

from __future__ import annotations

REFERENCE = r"^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$"
_DEFAULT_REGISTRY = "docker.io"


def registry_of(reference: str) -> str:
    """``mysql:8.0`` → ``docker.io``; ``quay.io/minio/minio`` → ``quay.io``."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first
    return _DEFAULT_REGISTRY


def repository_of(reference: str) -> str:
    """Without tag and digest."""
    bare = reference.partition("@")[0]
    head, colon, tag = bare.rpartition(":")
    return head if colon and "/" not in tag else bare


def pinned(reference: str, digest: str | None) -> str:
    """The reference to pull: by digest where there is one."""
    return f"{repository_of(reference)}@{digest}" if digest else reference
