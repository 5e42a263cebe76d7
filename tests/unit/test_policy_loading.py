"""Any folder of manifests makes a cluster: documents, lists, JSON, workloads, kustomizations; and what makes none."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sim.errors import BadInput
from sim.policy import files
from sim.policy.loading import load_manifests
from sim.policy.objects import Cluster, Direction, LabelSelector, Pod, PodPort, Protocol
from sim.preparing import Wanted, planner, read_document
from sim.render.documented import documented_images
from sim.render.policies import policy_files
from tests.unit.policy_sample import loaded, namespace, pod, policy


def _folder(root: Path, contents: Mapping[str, str]) -> Path:
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def _names(cluster: Cluster) -> list[str]:
    return [pod.full_name for pod in cluster.pods]


def _refusal(root: Path) -> str:
    with pytest.raises(BadInput) as refusal:
        load_manifests(root)
    return str(refusal.value)


_WEB = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 5
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web, tier: front}}
        spec:
          initContainers:
          - {name: once, ports: [{containerPort: 1}]}
          - {name: sidecar, restartPolicy: Always, ports: [{containerPort: 15020}]}
          containers:
          - {name: web, ports: [{containerPort: 8080, name: http}, {containerPort: 53, protocol: UDP}]}
          - {name: other}
    """
_DENY = """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: deny}
    spec:
      podSelector:
        matchLabels:
    """
_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: one}\n"


def test_many_documents_lists_json_and_folders(tmp_path: Path) -> None:
    """Order of files and of documents; comments, empty documents and other kinds are passed over, and counted."""
    a_list = {"apiVersion": "v1", "kind": "PodList", "items": [pod("b", "p"), pod("a", "p")]}
    _folder(
        tmp_path,
        {
            "z.yml": f"---\n# nothing\n---\n{textwrap.dedent(_WEB)}---\n{textwrap.dedent(_DENY)}...\n",
            "deep/er/list.json": json.dumps(a_list, indent="\t"),
            "service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
            "calico.yaml": "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: c}\nspec: {x: 1}\n",
            "values.yaml": "replicas: 3\n",
            "Chart.yaml": "apiVersion: v2\nname: chart\n",
            ".github/workflow.yaml": "{{ no yaml }}",
            "notes.txt": "no manifest",
        },
    )
    manifests = load_manifests(tmp_path)
    assert _names(manifests.cluster) == ["a/p", "b/p", "default/web-0", "default/web-1"]
    assert [policy.source for policy in manifests.cluster.policies] == ["z.yml, document 2"]
    assert manifests.cluster.policies[0].policy_types == (Direction.INGRESS,)
    assert dict(manifests.ignored) == {
        "NetworkPolicy (projectcalico.org/v3)": 1,
        "Service": 1,
        "no Kubernetes object": 2,
    }
    assert manifests.notes == ("Deployment default/web: 2 of 5 replicas",)


def test_pods_of_a_template(tmp_path: Path) -> None:
    """Ports of containers and of init containers that stay; addresses of their own, one after the other."""
    cluster = load_manifests(_folder(tmp_path, {"a.yaml": _WEB})).cluster
    ports = (PodPort(8080, Protocol.TCP, "http"), PodPort(53, Protocol.UDP), PodPort(15020))
    labels = {"app": "web", "tier": "front"}
    assert cluster.pods == (
        Pod("web-0", "default", labels, ("10.244.0.2",), ports),
        Pod("web-1", "default", labels, ("10.244.0.3",), ports),
    )


@pytest.mark.parametrize(
    ("kind", "version", "spec", "pods"),
    [
        ("Deployment", "apps/v1", "{selector: {}, template: T}", 1),
        ("Deployment", "apps/v1", "{replicas: 0, selector: {}, template: T}", 0),
        ("Deployment", "apps/v1", "{replicas: 2, selector: {}, template: T}", 2),
        ("StatefulSet", "apps/v1", "{replicas: 9, selector: {}, template: T}", 2),
        ("ReplicaSet", "apps/v1", "{replicas: 1, selector: {}, template: T}", 1),
        ("DaemonSet", "apps/v1", "{selector: {}, template: T}", 1),
        ("Job", "batch/v1", "{parallelism: 4, template: T}", 1),
        ("CronJob", "batch/v1", "{schedule: '* * * * *', jobTemplate: {spec: {template: T}}}", 1),
        ("ReplicationController", "v1", "{replicas: 2, template: T}", 2),
    ],
)
def test_every_kind_of_workload(kind: str, version: str, spec: str, pods: int, tmp_path: Path) -> None:
    template = "{metadata: {labels: {app: a}}, spec: {hostNetwork: false, containers: [{ports: [{containerPort: 7}]}]}}"
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: w, namespace: n}}\nspec: {spec}\n"
    cluster = load_manifests(_folder(tmp_path, {"a.yaml": text.replace("T}", template + "}")})).cluster
    assert _names(cluster) == [f"n/w-{number}" for number in range(pods)]
    assert all(pod.labels == {"app": "a"} and pod.ports == (PodPort(7),) for pod in cluster.pods)
    assert all(each.name == "n" for each in cluster.namespaces)


def test_workloads_of_one_name_have_pods_of_different_names(tmp_path: Path) -> None:
    text = textwrap.dedent(_WEB)
    both = f"{text}---\n{text.replace('Deployment', 'StatefulSet')}"
    names = _names(load_manifests(_folder(tmp_path, {"a.yaml": both})).cluster)
    assert names == ["default/web-0", "default/web-0-statefulset", "default/web-1", "default/web-1-statefulset"]


def test_namespaces_carry_their_own_name_whoever_declares_them(tmp_path: Path) -> None:
    cluster = loaded(tmp_path, [namespace("a", {"team": "x"}), pod("b", "p"), policy("c", "p")]).cluster
    labels = {each.name: each.labels for each in cluster.namespaces}
    assert labels["a"] == {"team": "x", "kubernetes.io/metadata.name": "a"}
    assert labels["b"] == {"kubernetes.io/metadata.name": "b"}
    assert set(labels) == {"a", "b", "c"}


def test_pods_that_policies_speak_of_and_nobody_declares_are_imagined(tmp_path: Path) -> None:
    """One for each selector that selects nothing; where there are policies alone, one without labels, and a stranger.

    The most particular selector comes first: its pod serves the others that select it.
    """
    ops = {"namespaceSelector": {"matchLabels": {"team": "ops"}}, "podSelector": {"matchLabels": {"app": "scrape"}}}
    dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    never = {"podSelector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}}
    one_of = {"podSelector": {"matchExpressions": [{"key": "k", "operator": "In", "values": ["u", "v"]}]}}
    manifests = loaded(
        tmp_path,
        [
            policy(
                "shop", "web", podSelector={"matchLabels": {"app": "web"}}, ingress=[{"from": [ops, never, one_of]}]
            ),
            policy("shop", "all", podSelector={"matchLabels": {"app": "web", "tier": "front"}}),
            policy("shop", "dns", policyTypes=["Egress"], egress=[{"to": [dns, {"ipBlock": {"cidr": "1.0.0.0/8"}}]}]),
        ],
    )
    assert _names(manifests.cluster) == [
        "shop/[no labels]",
        "elsewhere/[no labels]",
        "shop/[app=web,tier=front]",
        "team=ops/[app=scrape]",
        "shop/[k in (u,v)]",
        "kube-system/[no labels]",
    ]
    assert len({pod.addresses for pod in manifests.cluster.pods}) == 6
    assert manifests.cluster.pods[4].labels == {"k": "u"}
    assert manifests.notes[0].startswith(
        "selected by policies, not in these manifests: shop/[no labels], elsewhere/[no"
    )


def test_one_object_twice_is_one_and_two_of_one_name_are_refused(tmp_path: Path) -> None:
    text = textwrap.dedent(_DENY)
    assert len(load_manifests(_folder(tmp_path, {"a.yaml": text, "b/a.yaml": text})).cluster.policies) == 1
    _folder(tmp_path, {"b/a.yaml": text.replace("matchLabels:", "matchLabels: {a: b}")})
    refusal = _refusal(tmp_path)
    assert (
        "b/a.yaml:4:18: document 1 (NetworkPolicy deny): metadata.name: a second NetworkPolicy default/deny" in refusal
    )
    assert "unlike the first in a.yaml" in refusal
    assert "Try: name a folder" in refusal


_BASE = {
    "base/kustomization.yaml": "resources: [web.yaml, deny.yaml]\ncommonLabels: {team: shop}\n",
    "base/web.yaml": _WEB.replace("selector: {matchLabels: {app: web}}", "paused: false").replace("replicas: 5", ""),
    "base/deny.yaml": _DENY.replace("matchLabels:", "matchLabels: {app: web}"),
    "base/left-over.yaml": _POD,
}


def _overlay(name: str, more: str = "") -> dict[str, str]:
    return {
        f"{name}/kustomization.yaml": f"namespace: {name}\nresources: [../base, ns.yaml]\n{more}",
        f"{name}/ns.yaml": ("apiVersion: v1\nkind: Namespace\nmetadata: {name: to-be-renamed, labels: {a: b}}\n"),
    }


def test_a_kustomization_places_and_labels_what_it_lists(tmp_path: Path) -> None:
    """Also what lies outside of the folder that was named; a file beside it that it does not list is not deployed."""
    _folder(tmp_path, _BASE | _overlay("prod"))
    manifests = load_manifests(tmp_path / "prod")
    assert _names(manifests.cluster) == ["prod/web-0"]
    assert manifests.cluster.pods[0].labels == {"app": "web", "tier": "front", "team": "shop"}
    (deny,) = manifests.cluster.policies
    assert (deny.namespace, deny.pod_selector) == ("prod", LabelSelector.of({"app": "web", "team": "shop"}))
    assert [(each.name, each.labels["a"]) for each in manifests.cluster.namespaces] == [("prod", "b")]
    assert "not listed in the kustomization beside it: base/left-over.yaml" in load_manifests(tmp_path).notes


def test_two_overlays_of_one_base_are_two_deployments(tmp_path: Path) -> None:
    patch = "spec:\n  template: {}\n"
    more = (
        "patches: [{path: patch.yaml}, {patch: 'a: b'}]\nnamePrefix: x-\nresources: [../base, https://example.com/a]\n"
    )
    dev = _overlay("dev") | {
        "dev/kustomization.yaml": f"namespace: dev\n{more}configMapGenerator: [{{name: c, files: [k=data.yaml]}}]\n",
        "dev/patch.yaml": f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\n{patch}",
        "dev/data.yaml": "kind: Deployment\n",
    }
    manifests = load_manifests(_folder(tmp_path, _BASE | _overlay("prod") | dev))
    assert _names(manifests.cluster) == ["dev/web-0", "prod/web-0"]
    assert [policy.full_name for policy in manifests.cluster.policies] == ["dev/deny", "prod/deny"]
    assert "dev/kustomization.yaml: namePrefix, patches not interpreted" in manifests.notes
    assert "dev/kustomization.yaml: https://example.com/a is remote, not fetched" in manifests.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resources: [gone.yaml]", "resources[0]: 'gone.yaml': no such file or folder"),
        ("resources: [empty]", "resources[0]: 'empty': a folder without a kustomization.yaml"),
        ("resources: [.]", "resources[0]: '.': refers back to itself"),
        ("resources: [loop]", "resources[0]: '..': refers back to itself"),
        ("resources: [1]", "resources[0]: expected text, found 1"),
        ("resources: pod.yaml", "resources: expected a list"),
        ("namespace: A", "namespace: 'A': expected small letters"),
        ("[a]", "expected a mapping, found a list"),
        ("a: [", "not valid YAML"),
        ("a: 1\na: 2", "a: duplicate key"),
        ("commonLabels: {a: b c}", "commonLabels.a: 'b c'"),
        (f"resources: [{'a' * 5000}]", "no such file or folder"),
    ],
)
def test_a_kustomization_that_cannot_be_followed(text: str, said: str, tmp_path: Path) -> None:
    _folder(
        tmp_path,
        {"kustomization.yaml": text, "empty/x": "", "loop/kustomization.yml": "resources: ['..']", "p.yaml": _POD},
    )
    assert said in _refusal(tmp_path)


def _bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    return "\n".join([*lines, "kind: NetworkPolicy"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", _bomb().encode(), "more than 100000 values once aliases are expanded"),
        ("a.yaml", b"kind: Pod\nspec: " + b"[" * 200, "nested more than 100 levels deep"),
        ("a.yaml", b"kind: Pod\n\0", "a binary file (a zero byte at offset 10)"),
        ("a.yaml", b"kind: Pod\nname: \xff\n", "a.yaml:2:7: not UTF-8 text (byte 0xff)"),
        ("a.json", b'{"kind": "NetworkPolicy", }}', "not valid YAML"),
        ("a.yaml", b"{{- if .x }}\nkind: NetworkPolicy\n{{ end }}\n", "a template: render it first"),
        ("a.yaml", b"kind: Pod\nkind: Pod\n", "kind: duplicate key"),
        ("a.yaml", b"kind: Pod\nspec: !!python/object:os.system {}\n", "tag '!!python/object:os.system'"),
        ("a.yaml", b"kind: Pod\n\x1b[0m", "control character U+001B"),
        ("a.yaml", b"kind: 1\napiVersion: v1\n", "kind: expected text"),
        ("a.yaml", b"kind: Pod\n", "apiVersion: required: v1"),
        ("a.yaml", b"kind: Secret\n", "apiVersion: required"),
        ("a.yaml", b"spec: {}\napiVersion: v1\n", "kind: required"),
        ("a.yaml", b"kind: List\nitems: [{kind: Pod, apiVersion: v1}]", "items[0].metadata.name: required"),
        ("a.yaml", b"- a\n- b\n", "no pods, workloads or network policies in 1 manifest files"),
        ("a.yaml", b"", "no pods, workloads or network policies"),
        ("a.txt", b"kind: Pod", "no pods, workloads or network policies in 0 manifest files"),
    ],
)  # fmt: skip
def test_what_makes_no_cluster(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert said in _refusal(tmp_path)


def test_what_is_no_yaml_and_holds_nothing_that_matters_is_passed_over_and_named(tmp_path: Path) -> None:
    _folder(tmp_path, {"a.yaml": _POD, "mkdocs.yml": "a: !!python/name:x.y\n", "t.yaml": "{{ x }}: {{ y }}\n"})
    assert load_manifests(tmp_path).notes == ("no YAML, and nothing that matters here: mkdocs.yml, t.yaml",)


def test_files_out_of_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no such folder" in _refusal(tmp_path / "gone")
    (tmp_path / "big.yaml").write_bytes(b"#" * (files.MAX_FILE_BYTES + 1))
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "gone")
    refusal = _refusal(tmp_path)
    assert "big.yaml:1:1: larger than 4 MiB" in refusal
    assert "pipe.yaml:1:1: not a regular file" in refusal
    assert "dangling.yaml:1:1: not a regular file" in refusal
    monkeypatch.setattr(files, "MAX_FILES", 2)
    assert "more than 2 manifest files" in _refusal(tmp_path)


def test_a_file_alone_will_do(tmp_path: Path) -> None:
    _folder(tmp_path, {"a.yaml": _POD, "b.yaml": "kind: ["})
    assert _names(load_manifests(tmp_path / "a.yaml").cluster) == ["default/one"]


def test_a_hundred_problems_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": [pod("x", f"p{n}", None, {"a": "-"}) for n in range(120)]}
        )
    )
    lines = _refusal(tmp_path).splitlines()
    assert "120 problems" in lines[0]
    assert len(lines) == 102
    assert lines[-1] == "  and 20 not listed"


def test_the_documented_policies_come_back_from_their_manifests(tmp_path: Path) -> None:
    """What ``sim render policies`` writes says the same as what is enforced."""
    document = read_document(None)
    plan = planner(document, Wanted(None, "development"), documented_images(document.topology))("10.0.0.0/24")
    _folder(tmp_path, policy_files(plan.policies))
    read = {each.full_name: replace(each, source="") for each in load_manifests(tmp_path).cluster.policies}
    assert len(read) > 40
    assert read == {each.full_name: replace(each, source="") for each in plan.policies}


def test_an_imagined_pod_of_many_labels_is_told_by_the_most_telling(tmp_path: Path) -> None:
    """And by all of them, where another is told so already."""
    many = {"app.kubernetes.io/part-of": "a-rather-large-platform", "app.kubernetes.io/name": "store"}
    selectors = [many, many | {"app.kubernetes.io/part-of": "another"}, {"a-label-that-tells-nobody": "anything"}]
    policies = [policy("x", f"p{n}", podSelector={"matchLabels": each}) for n, each in enumerate(selectors)]
    assert [pod.name for pod in loaded(tmp_path, policies).cluster.pods] == [
        "[no labels]",
        "[no labels]",
        "[name=store,…]",
        "[app.kubernetes.io/name=store,app.kubernetes.io/part-of=another]",
        "[a-label-that-tells-nobody=anything]",
    ]
