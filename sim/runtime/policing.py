"""Network policies in force: one nftables table in each pod's own network namespace, replaced in one transaction.

Nothing of the engine's, nor of the host's firewall, is read or changed. A pod's table is set between its pause
container and its server, so that the server's first packet is ruled already; it stays when the server dies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from sim.errors import RigError
from sim.policy.counters import Counters, read_counters
from sim.policy.matching import resolve
from sim.policy.nftables import FAMILY, TABLE, Established, render_removal, render_ruleset
from sim.policy.objects import Cluster
from sim.runtime.networks import PodNetworks

_PARALLEL = 8


class Policing:
    """What rules the pods of one network. ``pods``: ``namespace/name`` → what ``networks`` calls it.

    ``cluster`` is what was put in force last; a rig that attaches to a running stack takes it from the stack's memory.
    """

    def __init__(self, networks: PodNetworks, cluster: Cluster, pods: Mapping[str, str]) -> None:
        self._networks = networks
        self._pods = pods
        self._resolved = resolve(cluster)

    @property
    def cluster(self) -> Cluster:
        return self._resolved.cluster

    def confine(self, pod: str) -> None:
        """Put the policies in force in one pod. Raises RigError with nftables' own words."""
        self._set(pod, render_ruleset(self._resolved, self.cluster.pod(pod)))

    def enforce(self, cluster: Cluster, established: Established = Established.SURVIVES) -> None:
        """Put other policies, or the same ones on other labels, in force in every pod."""
        self._resolved = resolved = resolve(cluster)
        texts = {pod: render_ruleset(resolved, cluster.pod(pod), established) for pod in self._pods}
        self._everywhere(lambda pod: self._set(pod, texts[pod]))

    def lift(self) -> None:
        """No table of ours in any pod."""
        self._everywhere(lambda pod: self._set(pod, render_removal()))

    def counters(self) -> Mapping[str, Counters]:
        """Pod → packets of each rule since its table was set; a pod that has no table is left out."""
        found: dict[str, Counters] = {}

        def count(pod: str) -> None:
            code, output = self._networks.run(self._pods[pod], ("nft", "-j", "list", "table", FAMILY, TABLE))
            if code == 0:
                found[pod] = read_counters(output, self.cluster.policies)

        self._everywhere(count)
        return found

    def _set(self, pod: str, text: str) -> None:
        code, output = self._networks.run(self._pods[pod], ("nft", "-f", "-"), text)
        if code:
            raise RigError(
                f"The network policies of {pod} could not be put in force.",
                evidence=output[-400:],
                next_step="sim doctor (nftables), or --no-policies to go without",
            )

    def _everywhere(self, act: Callable[[str], None]) -> None:
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="police") as pool:
            for done in [pool.submit(act, pod) for pod in self._pods]:
                done.result()
