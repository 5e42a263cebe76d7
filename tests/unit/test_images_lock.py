"""The image lock: read strictly, changed gently."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.errors import BadInput
from sim.images.lock import LOCK_FILE, load_lock, parse_lock, with_digests
from sim.topology.load import parse_topology, topology_text

DIGEST = "sha256:" + "0123456789abcdef" * 4
BASE = """\
schema: 1
base:
  image: debian:trixie-slim
  software: debian
  version: [cat, /etc/debian_version]
  build:
    - {recipe: base, software: debian, fidelity: same-software, from: packages}
components:
"""
BUILD = "  x:\n    software: m\n    version: [v]\n    build:\n      - "


def test_packaged_lock_names_the_documents_own_images() -> None:
    """Lock and topology say the same of each image, so what is locked is what is documented."""
    lock, topology = load_lock(), parse_topology(topology_text(None), "packaged")
    monitoring = topology.monitoring
    assert {name: entry.image for name, entry in lock.components.items() if entry.image} == {
        "mysql": topology.database_server.image,
        "rabbitmq": topology.broker.image,
        "object-store": topology.object_store.image,
        "redis": topology.cache.image,
        "prometheus": monitoring.prometheus.image,
        "alertmanager": monitoring.alertmanager.image,
        "node-exporter": monitoring.node_exporter.image,
        "mysql-exporter": monitoring.mysql_exporter.image,
    }


def test_stand_ins_come_after_the_same_software() -> None:
    """MariaDB is MySQL's last resort, SeaweedFS the object store's."""
    lock = load_lock()
    assert [b.software for b in lock.component("mysql").build] == ["mysql", "mariadb"]
    assert [b.software for b in lock.component("object-store").build] == ["minio", "seaweedfs"]
    for entry in lock.components.values():
        order = [build.fidelity for build in entry.build]
        assert order == sorted(order, key=["documented", "same-software", "stand-in"].index)


@pytest.mark.parametrize(
    ("component", "line", "words"),
    [
        (
            "  x: {image: 'mysql:8.0', software: mysql, version: [v], digets: null}",
            9,
            r"components.x.digets: unknown key",
        ),
        (
            "  x: {image: 'mysql:8.0', software: mysql, version: [v], digest: latest}",
            9,
            r"components.x.digest: .*found 'latest'",
        ),
        ("  x: {image: 'My SQL', software: mysql, version: [v]}", 9, r"components.x.image"),
        ("  x: {software: mysql, version: [v]}", 9, r"expected an 'image' or a 'build'"),
        ("  x: {image: 'm:1', version: [v]}", 9, r"components.x.software: Field required"),
        (
            BUILD + "{recipe: mysq, software: m, fidelity: stand-in, from: p}",
            13,
            r"no recipe 'mysq'; did you mean 'mysql'",
        ),
        (
            BUILD + "{recipe: mysql, software: m, fidelity: stand-in, from: p, requirements: requirements.txt}",
            13,
            r"build\[0\].*'python' is the version whose wheels 'requirements' asks for",
        ),
        (
            BUILD + "{recipe: mysql, software: m, fidelity: stand-in, from: p, sources: [../secrets]}",
            13,
            r"build\[0\].sources",
        ),
        (
            BUILD + "{recipe: mysql, software: m, fidelity: perfect, from: p}",
            13,
            r"build\[0\].fidelity",
        ),
        (
            BUILD + "{recipe: mysql, software: m, fidelity: stand-in, from: p, files: [../../etc/passwd]}",
            13,
            r"build\[0\].files\[0\]",
        ),
        (
            "  x: {image: 'm:1', software: m, version: [v]}\n  x: {image: 'm:2', software: m, version: [v]}",
            10,
            "duplicate",
        ),
    ],
)
def test_mistakes_are_bad_input_with_their_line(component: str, line: int, words: str) -> None:
    """Every mistake names file, line and path."""
    with pytest.raises(BadInput) as caught:
        parse_lock(BASE + component + "\n", "my.yaml")
    assert f"my.yaml:{line}:" in str(caught.value)
    assert re.search(words, str(caught.value))


def test_unreadable_lock_is_bad_input(tmp_path: Path) -> None:
    """A missing file, a folder, bytes that are no text: one clear error each."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "bytes"):
        with pytest.raises(BadInput):
            load_lock(path)


def test_writing_digests_changes_nothing_else() -> None:
    """Comments, order and the rest of the line stay; the result reads back with the digest in place."""
    text = LOCK_FILE.read_text()
    changed = with_digests(text, {"mysql": DIGEST, "base": DIGEST})
    different = [(a, b) for a, b in zip(text.splitlines(), changed.splitlines(), strict=True) if a != b]
    assert len(different) == 2
    assert all(b == a.replace("null", DIGEST) or DIGEST in b for a, b in different)
    lock = parse_lock(changed, "changed")
    assert (lock.component("mysql").digest, lock.base.digest, lock.component("redis").digest) == (
        DIGEST,
        DIGEST,
        parse_lock(text, "as it is").component("redis").digest,
    )


def test_digest_needs_a_line_of_its_own() -> None:
    """A component whose file has no place for a digest is told so rather than rewritten."""
    text = BASE + "  x: {image: 'm:1', software: m, version: [v]}\n"
    with pytest.raises(BadInput, match=r"no line for components\.x\.digest"):
        with_digests(text, {"x": DIGEST})
