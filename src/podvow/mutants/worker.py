"""The node whose kubelet is swapped, and the run's presence in the cluster as long as it is.

The undo is in the journal and in its mirror before the node is touched: whoever recovers a run that died gives the
node its own kubelet back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from podvow.api import ApiError
from podvow.cluster.profile import NodeProfile, read_profile
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError, UsageError
from podvow.faults import otherkubelet
from podvow.faults.upkeep import node_clock
from podvow.journal import log
from podvow.journal.act import Site, act
from podvow.journal.log import Journal
from podvow.journal.mirror import ClusterMirror, Pulse
from podvow.journal.undo import RestoreKubelet
from podvow.labels import JOURNAL_KEY
from podvow.live import enter
from podvow.mutants.build import Kubelet
from podvow.mutants.weave import VARIABLE
from podvow.safety.guard import Guard
from podvow.scenario.driver import workers
from podvow.scenario.jobs import disturbed_of
from podvow.scenario.tenancy import Tenancy
from podvow.session import Session

_GONE_S = 60.0


class Worker:
    """One node on which kubelets are swapped.

    Args:
        site: its cluster.
        guard: is asked before each change.
        name: of the node.
        journal: has the undo.
        entry: its number there.
    """

    def __init__(self, site: Site, guard: Guard, name: str, *, journal: Journal, entry: int) -> None:
        self._site = site
        self._guard = guard
        self._context = site.context(name)
        self._journal = journal
        self._entry = entry
        self.name = name
        self._since_s = 0.0

    def choose(self, kubelet: Kubelet, mutant: str = "") -> float:
        """Let the node run a kubelet with one mutant, or with none, active.

        Returns:
            How long it took until the node was ready, in seconds.

        Raises:
            PodvowError: it could not be done.
        """
        self._guard.check(self.name)
        with self._journal.making(self._entry):
            otherkubelet.put(self._context, kubelet.path.read_bytes(), kubelet.digest)
            self._since_s = node_clock(self._context)
            return otherkubelet.choose(self._context, kubelet.digest, VARIABLE, mutant)

    def panics(self) -> int:
        """Return how often the kubelet has crashed since the last choice."""
        return otherkubelet.panics(self._context, self._since_s)

    def restore(self) -> str:
        """Let the node run its own kubelet again; return what was done, in words."""
        return act(RestoreKubelet(self.name), self._site)


def find(session: Session) -> NodeProfile:
    """Return the worker of a kind cluster that is there to be disturbed; touches nothing.

    Raises:
        UsageError: its nodes cannot be reached, so no kubelet can be swapped.
        ClusterUnusableError: it has no worker for faults, or it is away.
        IdentityError: it may not be touched.
    """
    api, guard = enter(session)
    with contextlib.closing(api):
        if guard.cluster.access is None:
            raise UsageError("a kubelet can be swapped only where podvow reaches the nodes", hint="--provider kind")
        able = workers(read_profile(api))
        names = disturbed_of(able)
        if not names:
            hint = "`podvow up` makes a cluster that has one"
            raise ClusterUnusableError(f"{guard.cluster.name} has no worker for faults", hint=hint)
        return next(node for node in able if node.name == names[0])


@contextlib.contextmanager
def borrowed(session: Session, name: str) -> Iterator[Worker]:
    """Give a worker; it has its own kubelet back in the end, whatever happens.

    Args:
        session: the run.
        name: of the node.

    Raises:
        ClusterUnusableError: the cluster is away.
        IdentityError: it may not be touched.
    """
    api, guard = enter(session)
    with contextlib.closing(api):
        site = Site(api, guard.cluster.access)
        journal = Journal(session.folder / log.FILE, run=session.run_id, cluster=guard.about)
        with contextlib.closing(journal), _present(site, session, journal):
            entry = journal.open("kubelet", RestoreKubelet(name), node=name)
            node = Worker(site, guard, name, journal=journal, entry=entry)
            try:
                yield node
            finally:
                with journal.undoing(entry):
                    node.restore()


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
