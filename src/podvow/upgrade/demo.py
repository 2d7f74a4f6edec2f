"""`podvow upgrade demo`: a kind cluster of one version, upgraded with kubeadm, and judged before, during and after.

One worker is upgraded in place and one is drained before, so that both fates of a node are seen.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from podvow.api import Api, ApiError
from podvow.cluster import kind, lifecycle, netns
from podvow.cluster.engine import ensure_engine
from podvow.cluster.kindconfig import minor
from podvow.cluster.nodeimage.build import NodeImage, ensure_node_image
from podvow.cluster.process import CommandError, run
from podvow.cluster.progress import Progress
from podvow.cluster.provider import Cluster
from podvow.errors import ClusterUnusableError, UsageError
from podvow.faults.patience import until_done
from podvow.faults.upkeep import await_ready
from podvow.journal.act import Site
from podvow.session import Selection, Session
from podvow.upgrade import commands, kubeadm, sabotage, target
from podvow.upgrade.baseline import Folder
from podvow.upgrade.report import Report
from podvow.upgrade.sabotage import Sabotage

CLAIMS = (
    "rerun.records.lost-and-all-apps-dead",
    "rerun.records.all-lost",
    "rerun.sandbox-loss.all-inits-in-order",
)
"""What is judged by default: a change between v1.36 and v1.37 is among it; all suites would take an hour."""
_API_S = 300.0
_POLL_S = 1.0
_CGROUP_V1 = (1, 35)
"""From this version on the kubelet has to be told that cgroup v1 may stay; kubeadm does not do that."""


@dataclass(frozen=True)
class Wish:
    """What is to be shown.

    Attributes:
        origin: version of Kubernetes before.
        to: version after.
        name: of the cluster, which is made for this.
        selection: which claims are judged.
        sabotage: what is spoilt.
        keep: leave the cluster there.
    """

    origin: str
    to: str
    name: str
    selection: Selection
    sabotage: Sabotage = Sabotage.NONE
    keep: bool = False


def check(wish: Wish) -> None:
    """Refuse what kubeadm would refuse.

    Raises:
        UsageError: it does not go from one version to the next.
    """
    if minor(wish.origin)[0] != minor(wish.to)[0] or minor(wish.to)[1] - minor(wish.origin)[1] not in {0, 1}:
        raise UsageError(
            f"kubeadm does not upgrade {wish.origin} to {wish.to}", hint="from one minor version to the next"
        )
    if wish.origin == wish.to:
        raise UsageError(f"from {wish.origin} to {wish.to} nothing is upgraded")


def play(wish: Wish, folder: Folder, progress: Progress) -> Report:
    """Do it all.

    Args:
        wish: what.
        folder: of the upgrade, new.
        progress: is told what goes on, and keeps the figures.

    Raises:
        PodvowError: something went wrong; the cluster is deleted, unless it is to be kept.
    """
    check(wish)
    ensure_engine(progress)
    if kind.nodes(wish.name):
        raise UsageError(f"there is a cluster {wish.name!r} already", hint=f"podvow down --name {wish.name}")
    with netns.outside():
        image = ensure_node_image(wish.to, progress)
        bad = sabotage.mutant(wish.to, progress) if wish.sabotage is Sabotage.MUTANT else None
    _check_cgroup(wish)
    try:
        cluster = lifecycle.up(wish.origin, wish.name, progress=progress)
        with _site(cluster) as site, contextlib.ExitStack() as spoilt:
            show = _Show(wish, folder, site, image, progress)
            if bad is not None:
                show.spoil = spoilt.enter_context(sabotage.kubelets(wish.name, bad))
            return show.run()
    finally:
        if wish.keep:
            progress.say(f"cluster {wish.name} is left; podvow down --name {wish.name} removes it")
        else:
            lifecycle.down(wish.name)


def _check_cgroup(wish: Wish) -> None:
    crosses = minor(wish.origin) < _CGROUP_V1 <= minor(wish.to)
    if crosses and run(["docker", "info", "--format", "{{.CgroupVersion}}"], timeout_s=30).text == "1":
        raise UsageError(
            f"on cgroup v1 a node does not come back from {wish.origin} to {wish.to}",
            hint="the kubelet refuses cgroup v1 from v1.35 on; begin at v1.35 or later",
        )


@contextlib.contextmanager
def _site(cluster: Cluster) -> Iterator[Site]:
    api = Api.connect(cluster.kubeconfig, cluster.context)
    with contextlib.closing(api):
        yield Site(api, cluster.access)


class _Show:
    """The upgrade of one cluster.

    Attributes:
        spoil: is called with each worker once it is upgraded.
    """

    def __init__(self, wish: Wish, folder: Folder, site: Site, image: NodeImage, progress: Progress) -> None:
        if site.access is None:
            raise ClusterUnusableError("the nodes of the cluster cannot be reached")
        self._wish = wish
        self._folder = folder
        self._site = site
        self._access = site.access
        self._image = image
        self._progress = progress
        self._say = progress.say
        found = kind.nodes(wish.name)
        self._control = found[0].name
        self._workers = [node.name for node in found if node.role == "worker"]
        self._session = Session("demo", folder.path, provider="kind", name=wish.name, selection=wish.selection)
        self.spoil: Callable[[str], None] = lambda _: None

    def run(self) -> Report:
        """Judge, upgrade, judge, upgrade, judge."""
        step = self._progress.step
        with step("before", "judging and planting before the upgrade"):
            baseline = commands.before(
                self._folder, self._session, nodes=(), claims=True, per_node=False, say=self._say
            )
        with step("stage", f"putting programs and images of {self._wish.to} on the nodes"):
            self._stage()
        in_place, *drained = self._workers
        with step("control plane", f"upgrading {self._control}"):
            self._upgrade(self._control, "control-plane")
        with step("in place", f"upgrading {in_place} in place"):
            self._upgrade(in_place, "in-place")
        if self._wish.sabotage is Sabotage.RERUN:
            self._say(f"sabotage: {sabotage.rerun(self._access, in_place, baseline.id)} loses its sandbox")
        with step("during", "judging while nodes have different versions"):
            commands.during(self._folder, self._session, claims=True, say=self._say)
        for node in drained:
            if self._wish.sabotage is Sabotage.LEFT_BEHIND:
                self._say(f"sabotage: {node} is left behind")
                continue
            with step(f"drained {node}", f"draining and upgrading {node}"):
                self._upgrade(node, "drained")
        with step("after", "judging after the upgrade"):
            return commands.after(
                self._folder, self._session, claims=True, partial=False, per_node=False, say=self._say
            )

    def _stage(self) -> None:
        nodes = [self._control, *self._workers]
        with target.opened(self._image.reference) as opened, tempfile.TemporaryDirectory() as scratch:
            target.stage(opened, self._access, nodes, self._control, Path(scratch))

    def _upgrade(self, node: str, order: kubeadm.Order) -> None:
        kubeadm.upgrade(self._access, node, order, control=self._control, version=self._wish.to, say=self._say)
        self._await_api()
        await_ready(self._site.context(node))
        _patiently(lambda: self._check_version(node))
        if node == self._control:
            # kubeadm has put its own CoreDNS back, which may run on any node.
            uplink = ensure_engine().has_uplink
            _patiently(
                lambda: kind.furnish(self._wish.name, self._access, local_image=self._image.local, uplink=uplink)
            )
            kind.wait(self._wish.name, self._access)
        else:
            self.spoil(node)

    def _await_api(self) -> None:
        _patiently(lambda: kind.kubectl(self._access, self._control, "get", "--raw", "/readyz"))

    def _check_version(self, node: str) -> None:
        """Look whether a node tells its new version: its readiness may be older than its kubelet."""
        info = (self._site.api.get(f"/api/v1/nodes/{node}").get("status") or {}).get("nodeInfo") or {}
        if info.get("kubeletVersion") != self._wish.to:
            raise ClusterUnusableError(f"the kubelet of {node} is still {info.get('kubeletVersion')}")


def _patiently(act: Callable[[], object]) -> None:
    """Do something again until it succeeds.

    An API server that has just started refuses even an administrator (403) until it has read its roles, and a new
    kubelet starts it once more.
    """
    until_done(act, refusal=(ApiError, CommandError, ClusterUnusableError), patience_s=_API_S, poll_s=_POLL_S)
