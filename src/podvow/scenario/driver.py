"""Runs all scenarios of a run at once and records each one; judges nothing."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from podvow.api import Api, ApiError, SwitchedError
from podvow.cluster.cri import Cri
from podvow.cluster.process import CommandError
from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError, IdentityError
from podvow.faults.lifeline import MARGIN_S, Lifeline
from podvow.journal import log
from podvow.journal.act import Site
from podvow.journal.ending import left_namespaces, left_on_nodes
from podvow.journal.log import Journal
from podvow.journal.mirror import ClusterMirror, Pulse
from podvow.labels import JOURNAL_KEY
from podvow.safety.guard import Guard
from podvow.scenario.crowd import Crowd
from podvow.scenario.halt import Halt
from podvow.scenario.hub import WATCHABLE, Hub
from podvow.scenario.jobs import BUSY, disturbed_of, job_of, room_of
from podvow.scenario.model import Scenario
from podvow.scenario.play import Play, Stage, Tenant
from podvow.scenario.recorder import Recorder
from podvow.scenario.scheduler import Scheduler
from podvow.scenario.tenancy import Tenancy
from podvow.scenario.together import Party
from podvow.timeline import Meta, Timeline, save
from podvow.timeline.pace import first_start_s
from podvow.timeline.record import Kind
from podvow.watchdog.leash import Watchdog

_LOG = logging.getLogger(__name__)
_TEARDOWN_S = 120.0
_LOST_S = 25.0
_ANSWER_S = 5.0
_GUARD_S = 10.0


class Listener(Protocol):
    """Is told how a run goes on."""

    def scenario_started(self, scenario_id: str) -> None:
        """A scenario has begun."""

    def scenario_recorded(self, scenario_id: str, wall_s: float) -> None:
        """A scenario's evidence is complete."""


@dataclass(frozen=True)
class Planned:
    """A scenario that is to be run.

    Attributes:
        id: stable id.
        key: short name for labels and namespaces.
        test: the test that brought it.
        scenario: what to do.
        evidence: file for its timeline.
        nodes: the nodes that it may run on; empty for any.
    """

    id: str
    key: str
    test: str
    scenario: Scenario
    evidence: Path
    nodes: tuple[str, ...] = ()


class Driver:
    """Runs planned scenarios on a cluster in background threads.

    Args:
        api: the API server.
        guard: knows the cluster that may be touched, and the way to its nodes.
        profile: what the cluster is.
        run_id: id of the run, part of every name and label.
        folder: the run's folder.
        planned: what to run.
        listener: is told about progress.
        per_node: how many Pods a node takes at a time, at most.
        busy: how many scenarios may be in their busy first part at a time.
        quiet_s: how long is watched before it is said that something did not happen, in seconds.
    """

    def __init__(
        self,
        *,
        api: Api,
        guard: Guard,
        profile: ClusterProfile,
        run_id: str,
        folder: Path,
        planned: Sequence[Planned],
        listener: Listener,
        per_node: int = 40,
        busy: int = BUSY,
        quiet_s: float = 30.0,
    ) -> None:
        self._api = api
        self._interlock = guard
        cluster = self._cluster = guard.cluster
        self._profile = profile
        self._run_id = run_id
        self._run_name = folder.name
        self._planned = {p.key: p for p in planned}
        self._listener = listener
        self._quiet_s = quiet_s
        self._journal = Journal(folder / log.FILE, run=run_id, cluster=guard.about)
        self._pulse: Pulse | None = None
        self._workers = {n.name: n for n in workers(profile)}
        cri = Cri(cluster.access) if cluster.access else None
        self._lifeline = self._lifeline_in(folder)
        self._stage = Stage(api, cluster.access, cri, self._journal, guard, self._lifeline)
        self._stop = Halt()
        self._lost = ""
        self._away = False
        self._changed = threading.Condition()
        self._timelines: dict[str, Timeline] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._main = threading.Thread(target=self._run, name="driver", daemon=True)
        self._over = threading.Event()
        self._guard = threading.Thread(target=self._watch_over, name="guard", daemon=True)
        self._error: BaseException | None = None
        self._hub: Hub | None = None
        self._tenancy: Tenancy | None = None
        self.leaks: list[str] = []
        self._crowd = Crowd(busy)
        self._parties: dict[str, Party] = {}
        self._last_party: dict[str, Party] = {}
        self._scheduler = Scheduler(
            [job_of(p.key, p.scenario, p.nodes, per_node=per_node) for p in planned],
            {name: room_of(node, per_node=per_node) for name, node in self._workers.items()},
            busy=busy,
            disturbed=disturbed_of(self._workers.values()),
        )

    def _lifeline_in(self, folder: Path) -> Lifeline | None:
        """Return what heals the nodes if this process dies; None when it cannot reach them anyway."""
        cluster = self._cluster
        if cluster.access is None:
            return None
        dog = Watchdog(folder, self._run_id, kubeconfig=str(cluster.kubeconfig), context=cluster.context)
        longest = max((p.scenario.typical_s for p in self._planned.values()), default=0.0)
        return Lifeline(cluster.access, self._run_id, self._journal, dog, seconds=longest + MARGIN_S)

    def start(self) -> None:
        """Connect every source, then begin to run scenarios.

        Raises:
            ClusterUnusableError: the cluster does not answer, or may not be touched any more.
        """
        nodes = self._followed()
        self._interlock.check_nodes(nodes)
        self._interlock.on_stop = self._refuse
        kinds = {m["kind"] for p in self._planned.values() for m in p.scenario.manifests()} & set(WATCHABLE)
        self._tenancy = Tenancy(self._api, self._run_id, self._journal)
        self._be_found(self._tenancy)
        self._hub = Hub(self._api, self._run_id, self._cluster.access, nodes, kinds)
        self._hub.start()
        self._main.start()
        self._guard.start()

    def _followed(self) -> list[str]:
        """The nodes that some scenario may run on: the others' streams would only cost."""
        return [n for n in self._workers if any(not p.nodes or n in p.nodes for p in self._planned.values())]

    def _be_found(self, tenancy: Tenancy) -> None:
        """Leave in the cluster what another machine needs to know that this run lives, or to recover it."""
        namespace, labels = tenancy.make(JOURNAL_KEY), tenancy.labels_for(JOURNAL_KEY)
        pulse = Pulse(self._api, namespace)
        pulse.start(self._run_id, labels)
        self._pulse = pulse
        mirror = ClusterMirror(self._api, namespace)
        mirror.begin(self._journal.header, labels)
        self._journal.mirror_to(mirror)

    def timeline(self, key: str) -> Timeline:
        """Wait for a scenario's evidence.

        Raises:
            ClusterUnusableError: the driver has died.
        """
        with self._changed:
            self._changed.wait_for(lambda: key in self._timelines or self._error is not None)
            if key not in self._timelines:
                raise ClusterUnusableError(f"the driver stopped: {self._error}")
            return self._timelines[key]

    def wait(self) -> None:
        """Wait until every scenario is recorded."""
        if self._main.is_alive():
            self._main.join()

    def stop(self) -> None:
        """Let every scenario end where it is; `finish` waits for that."""
        self._stop.set()

    def finish(self, *, interrupted: bool = False) -> None:
        """Wait for (interrupted: end) all scenarios, take everything away, audit that nothing is left."""
        if interrupted:
            self.stop()
        if self._main.is_alive():
            self._main.join()
        self._over.set()
        if self._guard.is_alive():
            self._guard.join(timeout=5)
        if self._away and self._back():
            self._away = False
        if self._tenancy is not None:
            self.leaks = [] if self._gone else self._take_away(self._tenancy)
            self._tenancy.stop()
        if self._pulse is not None:
            self._pulse.stop()
        if self._hub is not None:
            self._hub.stop()
        if self._lifeline is not None:
            self._lifeline.stop()
        self._journal.close()

    def _back(self) -> bool:
        """Tell whether an API server that went away answers again by now, and is the same one."""
        try:
            self._interlock.check(retry=False)
        except (IdentityError, ApiError, CommandError):
            return False
        return True

    def _take_away(self, tenancy: Tenancy) -> list[str]:
        """Wait until the run's namespaces are gone; return what is left in the cluster, in words."""
        if all(map(self._interlock.may_undo, self._workers)):
            left = left_on_nodes(Site(self._api, self._cluster.access), self._journal)
        else:
            left = [entry.words for entry in self._journal.open_entries if entry.undo.mirrored]
        own = tenancy.name_for(JOURNAL_KEY)
        if any(entry.undo.mirrored for entry in self._journal.open_entries):
            tenancy.keep(own)  # another machine may have to recover what this one could not
        else:
            with contextlib.suppress(ApiError):
                tenancy.remove(own)
        return [*left, *left_namespaces(self._api, tenancy.leftovers(Deadline.after(_TEARDOWN_S)))]

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                with self._changed:  # other threads give back what their scenarios held
                    if self._scheduler.done:
                        break
                    started = self._scheduler.ready()
                    if not started:
                        self._changed.wait(0.5)
                for job, node in started:
                    planned = self._planned[job.key]
                    party = self._party(job.key, node)
                    thread = threading.Thread(
                        target=self._record, args=(planned, node, party), name=planned.id, daemon=True
                    )
                    self._threads[job.key] = thread
                    thread.start()
            for thread in list(self._threads.values()):
                thread.join()
            self._save_the_rest()
        except BaseException as error:
            _LOG.exception("driver")
            self._error = error
            raise
        finally:
            with self._changed:
                self._changed.notify_all()

    def _party(self, key: str, node: str) -> Party | None:
        """Return those with whom a scenario shares its node faults, None for one without."""
        name, members = self._scheduler.group(key)
        if not name:
            return None
        party = self._parties.get(name)
        if party is None:
            party = Party(
                node,
                members,
                len(self._planned[key].scenario.node_faults),
                before=self._last_party.get(node),
                stop=self._stop,
                calm=lambda: self._calm(name),
                guard=self._interlock,
                lifeline=self._lifeline,
            )
            self._parties[name] = self._last_party[node] = party
        party.join(key)
        return party

    def _calm(self, group: str) -> None:
        with self._changed:
            self._scheduler.calm(group)
            self._changed.notify_all()

    @property
    def exclusive_s(self) -> list[float]:
        """The longest chain of node faults: how long each sequence kept its node to itself, in seconds."""
        chains: defaultdict[str, list[float]] = defaultdict(list)
        for party in self._parties.values():
            chains[party.node].append(party.exclusive_s)
        return max(chains.values(), key=sum, default=[])

    def _save_the_rest(self) -> None:
        """Give every scenario that never began evidence that says so: no verdict without evidence."""
        for planned in self._planned.values():
            if planned.key not in self._timelines:
                recorder = Recorder(self._meta(planned, ""), self._stop)
                recorder.say(Kind.LOST, reason=self._lost or "interrupted before it began")
                self._keep(planned, recorder.finish())

    def _keep(self, planned: Planned, timeline: Timeline) -> None:
        save(timeline, planned.evidence)
        with self._changed:
            self._timelines[planned.key] = timeline
            self._changed.notify_all()

    def _meta(self, planned: Planned, node: str) -> Meta:
        profile = self._workers.get(node)
        manifests = planned.scenario.manifests()
        pods = [m["metadata"]["name"] for m in manifests if m["kind"] == "Pod"]
        if planned.scenario.static and pods:
            pods[-1] = f"{pods[-1]}-{node}"
        return Meta(
            scenario=planned.id,
            test=planned.test,
            pod=pods[-1] if pods else "",
            fixture=planned.scenario.pod or ", ".join((*planned.scenario.objects, *planned.scenario.requests)),
            node=node,
            kubelet_version=profile.kubelet_version if profile else "",
            server_version=self._profile.server_version,
            windows=asdict(profile.windows(quiet_s=self._quiet_s)) if profile else {},
            sources=list(self._hub.sources) if self._hub else [],
            run=self._run_name,
        )

    def _record(self, planned: Planned, node: str, party: Party | None) -> None:
        assert self._hub is not None  # noqa: S101 (start() made both before any thread)
        assert self._tenancy is not None  # noqa: S101
        recorder = Recorder(self._meta(planned, node), self._stop)
        namespace = self._tenancy.name_for(planned.key)
        kinds = {m["kind"] for m in planned.scenario.manifests()}
        self._hub.attach(planned.key, namespace, recorder, kinds)
        self._listener.scenario_started(planned.id)
        try:
            labels = self._tenancy.labels_for(planned.key)
            hub, key = self._hub, planned.key
            tenant = Tenant(
                namespace,
                labels,
                lambda: self.settled(key, recorder),
                key,
                party,
                look_past=lambda: hub.look_past(key),
                patience_s=lambda: self._crowd.patience_s,
            )
            play = Play(self._stage, planned.scenario, recorder, tenant, self._workers[node])
            self._play(planned, play, node, recorder)
        except IdentityError as error:
            recorder.say(Kind.LOST, reason=error.message)  # the guard has stopped the run
        except ApiError as error:
            recorder.say(Kind.LOST, reason=str(error))
            self._check_alive(error)
        except Exception as error:  # noqa: BLE001 - a bug of ours must become an open verdict, not a dead run
            _LOG.exception("scenario %s", planned.id)
            recorder.say(Kind.LOST, reason=f"harness error: {type(error).__name__}: {error}")
        finally:
            if self._stop.is_set():
                recorder.say(Kind.LOST, reason=self._lost or "interrupted")
            self._hub.detach(planned.key)
            timeline = recorder.finish()
            try:
                self._keep(planned, timeline)
                self._listener.scenario_recorded(planned.id, (timeline.end_ns - timeline.start_ns) / 1e9)
            except OSError as error:
                # A full disk: without evidence there is no verdict, and who waits for it must be told.
                self._error = error
                self._stop.set()
            try:
                if not self._gone:
                    self._tenancy.remove(namespace)
            except ApiError as error:
                _LOG.warning("namespace %s: %s", namespace, error)
            with self._changed:
                self._scheduler.finish(planned.key)
                self._changed.notify_all()

    def _play(self, planned: Planned, play: Play, node: str, recorder: Recorder) -> None:
        """Make the namespace, play, undo, and let the sources tell all of it."""
        assert self._hub is not None  # noqa: S101 (start() made both before any thread)
        assert self._tenancy is not None  # noqa: S101
        try:
            self._tenancy.make(planned.key)
            play.run()
            if planned.scenario.static:
                # Its Pod ends with its manifest, which the undo takes away: that is no part of what is judged.
                self._settle(planned, node, recorder)
                self._hub.detach(planned.key)
        finally:
            play.close()
        if not planned.scenario.static:
            self._settle(planned, node, recorder)

    def _settle(self, planned: Planned, node: str, recorder: Recorder) -> None:
        """Let the sources tell what has happened so far; when a run ends, nothing is concluded from it anyway."""
        if self._hub is not None and not self._stop.is_set():
            self._hub.settle(planned.key, node, recorder.timeline().end_ns)

    def settled(self, key: str, recorder: Recorder) -> None:
        """Let the next scenario begin: this one's busy part is over. More or fewer do so at a time from now on."""
        waited_s = first_start_s(recorder.timeline())
        with self._changed:
            if waited_s is not None:
                group, _ = self._scheduler.group(key)
                self._crowd.started(waited_s, disturbed=bool(group))
                self._scheduler.bear(self._crowd.limit)
            self._scheduler.settled(key)
            self._changed.notify_all()

    def _watch_over(self) -> None:
        """Notice an API server that is gone, or another one, even while every scenario only waits."""
        while not self._over.wait(_GUARD_S) and not self._stop.is_set():
            try:
                self._interlock.check(retry=False)
            except IdentityError:
                return
            except ApiError as error:
                self._check_alive(error)

    def _check_alive(self, error: ApiError) -> None:
        """End the run when the API server is away for good; single refusals are a scenario's own matter."""
        if isinstance(error, SwitchedError):
            self._interlock.stop(error.message)
        deadline = Deadline.after(_LOST_S)
        while not deadline.passed and not self._stop.is_set():
            try:
                self._api.answers(min(_ANSWER_S, deadline.left_s))
            except ApiError as again:
                if again.by_authorizer:
                    return  # it answers: a server that was started a moment ago has not read its roles yet
                error = again
                self._stop.wait(min(1.0, deadline.left_s))
            else:
                return
        if not self._stop.is_set():
            self._away = True
            self._lost = f"the API server went away: {error.message}"
            self._stop.set()

    def _refuse(self) -> None:
        """End the run at once: this is not the cluster that may be touched, or not any more.

        What was made so far is taken away all the same, unless another cluster answers under the old connection.
        """
        self._lost = self._interlock.stopped
        if self._interlock.gone:
            self._lost += "; what this run made is left where it is: podvow recover, once the right cluster answers"
            if self._pulse is not None:
                self._pulse.stop()
        self._stop.set()

    @property
    def _gone(self) -> bool:
        """Whether nothing can be taken away: nobody answers, or another cluster does."""
        return self._away or self._interlock.gone

    @property
    def lost(self) -> str:
        """Why the cluster was given up, empty when it was not."""
        return self._lost

    @property
    def refused(self) -> str:
        """Why the cluster may not be touched any more, empty when it may."""
        return self._interlock.stopped


def workers(profile: ClusterProfile) -> list[NodeProfile]:
    """Return the nodes that scenarios run on: usable workers, else (a cluster of one node) every usable node."""
    usable = [n for n in profile.nodes if n.usable]
    chosen = [n for n in usable if "control-plane" not in n.roles] or usable
    if not chosen:
        raise ClusterUnusableError("no node is ready and schedulable", hint="look at `kubectl get nodes`")
    return chosen
