"""Where a test's timeline comes from: this process's driver, another process's evidence files, or a replay."""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout
from rich.console import Console

from podvow import orphan
from podvow.api import Api
from podvow.cluster import lifecycle
from podvow.cluster.cpu import CpuMeter, used_s
from podvow.cluster.existing import existing_cluster
from podvow.cluster.profile import ClusterProfile, read_profile
from podvow.cluster.provider import Cluster
from podvow.errors import ClusterUnusableError
from podvow.faults.base import NODE_ACCESS
from podvow.parts import CLUSTER, STATS
from podvow.profiles import profile_named
from podvow.progress import Progress
from podvow.runlock import DRIVER
from podvow.safety.guard import Guard, admit
from podvow.scenario.driver import Driver, Planned
from podvow.scenario.jobs import BUSY
from podvow.scenario.placing import Item, place
from podvow.session import Session
from podvow.timeline import Timeline, load
from podvow.whole import write_whole

_POLL_S = 0.2


_known: dict[Path, ClusterProfile] = {}


def know(session: Session, profile: ClusterProfile) -> None:
    """Keep for this process what a run's cluster is: asking costs each of its nodes a page of all its metrics."""
    _known[session.folder] = profile


@lru_cache(maxsize=8)
def _loaded(path: Path, *, whole: bool = True) -> Timeline:
    """Read evidence that several tests in a row may share."""
    return load(path, whole=whole)


class Recorded(Protocol):
    """Gives finished timelines."""

    def timeline(self, planned: Planned) -> Timeline:
        """Wait for the timeline of a scenario."""

    def not_applicable(self, item: Item) -> str:
        """Return why it cannot be judged here, empty when it can."""

    def judged(self, scenario_id: str, verdict: str) -> None:
        """Take note of a verdict, for whoever watches."""

    def stop(self) -> None:
        """Let what was started come to its end soon."""

    def finish(self, *, interrupted: bool) -> None:
        """End what was started."""

    def leave(self) -> None:
        """Let another process take back what was started, once this one is gone."""


def connect(session: Session) -> tuple[Cluster, Api]:
    """Return the session's cluster and a connection to it; without a way onto its nodes if that is withheld.

    Raises:
        ClusterUnusableError: it is away.
    """
    if session.provider == "existing":
        cluster = existing_cluster(Path(session.kubeconfig), session.context)
    else:
        cluster = lifecycle.attach(session.name, node=session.node)
    if NODE_ACCESS in session.withheld:
        cluster = replace(cluster, access=None)
    return cluster, Api.connect(cluster.kubeconfig, cluster.context)


def enter(session: Session) -> tuple[Api, Guard]:
    """Return a connection to the session's cluster and the guard that let it in.

    Raises:
        IdentityError: the cluster may not be touched.
        ClusterUnusableError: it is away.
    """
    cluster, api = connect(session)
    try:
        return api, admit(cluster, api)
    except BaseException:
        api.close()
        raise


class Live:
    """Runs the scenarios, or waits for the process that does (the first to take the lock).

    Args:
        session: the run.
        items: the tests with the recordings that they need.
        view: where to show how the run goes on.
    """

    def __init__(self, session: Session, items: Sequence[Item], *, view: Console | None = None) -> None:
        self._session = session
        self._driver: Driver | None = None
        self._view = view
        self._began = time.monotonic()
        self._api, self._guard = enter(session)
        self._cluster = self._guard.cluster
        known = _known.pop(session.folder) if session.folder in _known else None
        self._profile: ClusterProfile = known or read_profile(self._api)
        withheld = {**self._guard.withheld, **session.withheld}
        reach = self._cluster.access is not None
        placed = place(items, self._profile, node_access=reach, withheld=withheld, node=session.node)
        self._reasons = placed.reasons
        # An earlier part of a resumed run may have recorded some of them already.
        self._stored = {p.key for p in placed.runnable if session.part > 1 and p.evidence.exists()}
        self._runnable = [p for p in placed.runnable if p.key not in self._stored]
        self._tests = len(items)  # a verdict of each: what does not apply here is told too
        # The thread that ends a run need not be the one that began it.
        self._lock = FileLock(session.folder / DRIVER, thread_local=False)

    def start(self) -> None:
        """Begin to run the scenarios, unless another process does or has done so.

        Apart from the making, so that whoever is asked to end in the middle of this knows what is to be undone.
        """
        session = self._session
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return
        if (session.folder / STATS).exists():
            return
        self._nodes = [n.name for n in self._profile.nodes]
        access = self._cluster.access
        self._cpu = CpuMeter(self._nodes if access else (), lambda node: used_s(access, node) if access else None)
        self._cpu.start()
        longest = max((p.scenario.typical_s for p in self._runnable), default=0.0)
        self._progress = Progress(self._view)
        self._progress.start(len(self._runnable), longest, tests=self._tests)
        self._driver = Driver(
            api=self._api,
            guard=self._guard,
            profile=self._profile,
            run_id=session.label,
            folder=session.folder,
            planned=self._runnable,
            listener=self._progress,
            per_node=session.per_node,
            busy=session.busy or BUSY,
            quiet_s=profile_named(session.profile).quiet_s,
        )
        self._driver.start()
        write_whole(session.folder / CLUSTER, json.dumps(self._about(), indent=1))

    def timeline(self, planned: Planned) -> Timeline:
        """Wait for a scenario's evidence, from this process's driver or from another one's file."""
        if planned.key in self._stored:
            return _loaded(planned.evidence)
        if self._driver is not None:
            return self._driver.timeline(planned.key)
        tick = threading.Event()
        while not planned.evidence.exists():
            if (self._session.folder / STATS).exists() and not planned.evidence.exists():
                raise ClusterUnusableError(f"the driver ended without evidence of {planned.id}")
            tick.wait(_POLL_S)
        return _loaded(planned.evidence)

    def not_applicable(self, item: Item) -> str:
        """Return why it cannot be judged here."""
        return self._reasons.get(item.id, "")

    def judged(self, scenario_id: str, verdict: str) -> None:
        """Show a verdict in the progress view."""
        if self._driver is not None:
            self._progress.judged(scenario_id, verdict)

    def stop(self) -> None:
        """Let every scenario end where it is."""
        if self._driver is not None:
            self._driver.stop()

    def leave(self) -> None:
        """Let another process recover the run, if this one drives it."""
        if self._lock.is_locked:
            orphan.leave(self._session.folder)

    def finish(self, *, interrupted: bool) -> None:
        """Wait for the driver, tear down, and leave the run's figures for the report."""
        if self._driver is None:
            return
        if not interrupted:
            self._driver.wait()  # with xdist, other processes may still wait for what is being recorded
        judged_s = time.monotonic() - self._began
        try:
            self._driver.finish(interrupted=interrupted)
        finally:
            self._progress.stop()
            self._write_stats(judged_s)
            self._lock.release()

    def _write_stats(self, judged_s: float) -> None:
        assert self._driver is not None  # noqa: S101 (only the driving process comes here)
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        stats: dict[str, Any] = {
            **self._about(),
            "wall_s": judged_s,
            "with_teardown_s": time.monotonic() - self._began,
            "node_cpu_s": self._cpu.stop(),
            "exclusive_s": self._driver.exclusive_s,
            "cpu_s": sum(u.ru_utime + u.ru_stime for u in usage),
            "api_requests": dict(self._api.requests),
            "leaks": self._driver.leaks,
            "lost": self._driver.lost,
            "refused": self._driver.refused,
        }
        write_whole(self._session.folder / STATS, json.dumps(stats, indent=1))

    def _about(self) -> dict[str, Any]:
        """Return what is known of cluster and machine when the driver begins."""
        nodes = [
            {
                "name": n.name,
                "kubelet_version": n.kubelet_version,
                "runtime": n.runtime,
                "capabilities": list(n.capabilities),
            }
            for n in self._profile.nodes
        ]
        return {"server_version": self._profile.server_version, "nodes": nodes, "cores": os.cpu_count() or 1}


class Replay:
    """Judges stored evidence again; no cluster is touched.

    Args:
        session: its `replay` maps a scenario's id to its evidence file.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def timeline(self, planned: Planned) -> Timeline:
        """Load the stored timeline; of one that is cut off, what is left of it."""
        return _loaded(Path(self._session.replay[planned.id]), whole=False)

    def not_applicable(self, item: Item) -> str:  # noqa: ARG002 (evidence is there, so it was applicable)
        """Evidence exists, so the scenario was applicable."""
        return ""

    def judged(self, scenario_id: str, verdict: str) -> None:
        """Nobody watches a replay."""

    def stop(self) -> None:
        """Nothing was started."""

    def finish(self, *, interrupted: bool) -> None:
        """Nothing was started."""

    def leave(self) -> None:
        """Nothing was started."""
