"""The cluster on which programs are swapped, and the run's presence in it as long as they are.

The undo is in the journal and in its mirror before a node is touched: whoever recovers a run that died gives the
node its own program back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from podvow import runlock
from podvow.api import ApiError
from podvow.cluster.profile import ClusterProfile, read_profile
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError, PodvowError, UsageError
from podvow.journal import log
from podvow.journal.act import Site
from podvow.journal.log import Journal
from podvow.journal.mirror import ClusterMirror, Pulse
from podvow.journal.undo import NodeUndo, RestoreComponent, RestoreKubelet
from podvow.labels import JOURNAL_KEY
from podvow.live import enter
from podvow.mutants.definition import Target
from podvow.mutants.seat import Component, Seat, Worker
from podvow.mutants.share import Place
from podvow.paths import cache_dir
from podvow.safety.guard import Guard
from podvow.scenario.driver import workers
from podvow.scenario.jobs import disturbed_of
from podvow.scenario.tenancy import Tenancy
from podvow.session import Session

_GONE_S = 60.0


@dataclass(frozen=True)
class Found:
    """A cluster on which programs can be swapped.

    Attributes:
        nodes: by target the node that it runs on.
        versions: by target the version of Kubernetes that runs there.
    """

    nodes: dict[Target, str]
    versions: dict[Target, str]


class Host:
    """A cluster that a campaign is on.

    Args:
        site: the cluster.
        guard: is asked before each change.
        journal: of the campaign.
    """

    def __init__(self, site: Site, guard: Guard, journal: Journal) -> None:
        self._site = site
        self._guard = guard
        self._journal = journal

    @contextlib.contextmanager
    def borrow(self, target: Target, node: str) -> Iterator[Seat]:
        """Give the place of a program; it has its own one back in the end, whatever happens.

        Args:
            target: the program.
            node: the node that it is on.

        Raises:
            PodvowError: its own one could not be put back.
        """
        kubelet = target is Target.KUBELET
        undo: NodeUndo = RestoreKubelet(node) if kubelet else RestoreComponent(node, target.value)
        entry = self._journal.open("kubelet" if kubelet else "component", undo, node=node)
        seat: Seat
        if kubelet:
            seat = Worker(self._site, self._guard, node, journal=self._journal, entry=entry)
        else:
            seat = Component(self._site, self._guard, node, target, journal=self._journal, entry=entry)
        try:
            yield seat
        finally:
            with self._journal.undoing(entry):
                seat.restore()


@contextlib.contextmanager
def alone(clusters: Iterable[str]) -> Iterator[None]:
    """Keep other commands from swapping programs of kind clusters: each would judge the other's bugs.

    Args:
        clusters: their names.

    Raises:
        UsageError: another command swaps programs of one of them.
    """
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys(clusters):
            path = cache_dir("clusters") / f".{name}.mutants.lock"
            taken = f"another `podvow mutants run` swaps programs of {name}"
            hint = "wait for it, or name another cluster with --name"
            stack.enter_context(runlock.exclusive(path, taken, hint))
        yield


def find(session: Session, targets: frozenset[Target]) -> Found:
    """Find the places of programs in a kind cluster: its worker for faults, and its control plane; touches nothing.

    Args:
        session: the run.
        targets: the programs.

    Raises:
        UsageError: its nodes cannot be reached, so nothing can be swapped.
        ClusterUnusableError: it has not what is needed, or it is away.
        IdentityError: it may not be touched.
    """
    api, guard = enter(session)
    with contextlib.closing(api):
        if guard.cluster.access is None:
            text = "programs can be swapped only where podvow reaches the nodes"
            raise UsageError(text, hint="--provider kind")
        return found_in(read_profile(api), guard.cluster.name, targets, node=session.node)


def places(sessions: Iterable[Session], targets: frozenset[Target]) -> list[Place]:
    """Return where mutants can be tried at a time: every worker for faults, where a cluster has several.

    Args:
        sessions: a run on each of the clusters.
        targets: the programs that are meant.
    """
    named = [(session.name, _workers(session) if Target.KUBELET in targets else []) for session in sessions]
    if any(len(names) > 1 for _, names in named):
        return [Place(cluster, node) for cluster, names in named for node in names or [""]]
    return [Place(cluster) for cluster, _ in named]


def _workers(session: Session) -> list[str]:
    """Return a cluster's workers for faults; none if it cannot be used: whoever tries it says why."""
    try:
        api, _ = enter(session)
        with contextlib.closing(api):
            return disturbed_of(workers(read_profile(api)))
    except PodvowError:
        return []


def found_in(profile: ClusterProfile, name: str, targets: frozenset[Target], *, node: str = "") -> Found:
    """Return the places of programs in a cluster. Pure.

    Args:
        profile: what the cluster is.
        name: of the cluster, for messages.
        targets: the programs.
        node: the worker that is meant; empty for the first that is for faults.

    Raises:
        ClusterUnusableError: it has no worker for faults (or not the one that is meant), or not one node with a
            control plane.
    """
    nodes: dict[Target, str] = {}
    versions: dict[Target, str] = {}
    for target in sorted(targets):
        if target is Target.KUBELET:
            able = {node.name: node for node in workers(profile)}
            names = [each for each in disturbed_of(able.values()) if node in {"", each}]
            if not names:
                hint = "`podvow up` makes a cluster that has one"
                raise ClusterUnusableError(f"{name} has no worker {node}".rstrip() + " for faults", hint=hint)
            nodes[target], versions[target] = names[0], able[names[0]].kubelet_version
        else:
            control = [node.name for node in profile.nodes if "control-plane" in node.roles]
            if len(control) != 1:
                # With several API servers it is chance which of them answers.
                raise ClusterUnusableError(f"{name} has {len(control)} nodes with a control plane, not one")
            nodes[target], versions[target] = control[0], profile.server_version
    return Found(nodes, versions)


@contextlib.contextmanager
def entered(session: Session) -> Iterator[Host]:
    """Give the cluster of a run, in which it is known to live from now on, and to whoever recovers it.

    Args:
        session: the run.

    Raises:
        ClusterUnusableError: the cluster is away.
        IdentityError: it may not be touched.
    """
    api, guard = enter(session)
    with contextlib.closing(api):
        site = Site(api, guard.cluster.access)
        journal = Journal(session.folder / log.FILE, run=session.run_id, cluster=guard.about)
        with contextlib.closing(journal), _present(site, session, journal):
            yield Host(site, guard, journal)


@contextlib.contextmanager
def _present(site: Site, session: Session, journal: Journal) -> Iterator[None]:
    """Leave in the cluster what others need to know that this run lives, or to recover it."""
    tenancy = Tenancy(site.api, session.run_id, journal)
    namespace = tenancy.make(JOURNAL_KEY)
    labels = tenancy.labels_for(JOURNAL_KEY)
    pulse, mirror = Pulse(site.api, namespace), ClusterMirror(site.api, namespace)
    try:
        pulse.start(session.run_id, labels)
        mirror.begin(journal.header, labels)
        journal.mirror_to(mirror)
        yield
    finally:
        pulse.stop()
        if not any(entry.undo.mirrored for entry in journal.open_entries):
            with contextlib.suppress(ApiError):
                tenancy.remove(namespace)
            tenancy.leftovers(Deadline.after(_GONE_S))
        tenancy.stop()
