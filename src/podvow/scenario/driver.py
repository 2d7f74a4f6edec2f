"""Runs all scenarios of a run at once and records each one; judges nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from podvow.api import Api, ApiError
from podvow.cluster.cri import Cri
from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.cluster.provider import Cluster
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError, PodvowError
from podvow.faults.base import NODE_ACCESS, Fault, FaultContext
from podvow.faults.journal import Journal
from podvow.faults.spec import plural_of
from podvow.scenario.conditions import Condition
from podvow.scenario.hub import Hub
from podvow.scenario.manifest import Manifest, prepare
from podvow.scenario.model import Hold, Inject, Scenario, Until
from podvow.scenario.recorder import Recorder, Waited
from podvow.scenario.scheduler import Job, Scheduler
from podvow.scenario.tenancy import Tenancy
from podvow.timeline import Meta, Timeline, save
from podvow.timeline.record import Kind
from podvow.timeline.sources.status import slim
from podvow.timeline.timeline import FaultMark

_LOG = logging.getLogger(__name__)
_PROOF_S = 30.0
_TEARDOWN_S = 120.0
_LOST_S = 25.0
_GUARD_S = 10.0
_NEVER = Condition("never", lambda _: False)
_QUOTA_COUNTS = Condition(
    "quota counted",
    lambda t: any(r.data["object"].get("status", {}).get("hard") for r in t.of(Kind.OBJECT)),
)
_WATCHED = ("Deployment", "ResourceQuota")


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
    """

    id: str
    key: str
    test: str
    scenario: Scenario
    evidence: Path


class Driver:
    """Runs planned scenarios on a cluster in background threads.

    Args:
        api: the API server.
        cluster: way to the nodes.
        profile: what the cluster is.
        run_id: id of the run, part of every name and label.
        folder: the run's folder.
        planned: what to run.
        listener: is told about progress.
        per_node: how many Pods a node takes at a time, at most.
        busy: how many scenarios may be in their busy first part at a time.
        nightly: use the long windows.
    """

    def __init__(
        self,
        *,
        api: Api,
        cluster: Cluster,
        profile: ClusterProfile,
        run_id: str,
        folder: Path,
        planned: Sequence[Planned],
        listener: Listener,
        per_node: int = 40,
        busy: int = 10,
        nightly: bool = False,
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._profile = profile
        self._run_id = run_id
        self._planned = {p.key: p for p in planned}
        self._listener = listener
        self._nightly = nightly
        self._journal = Journal(folder / "journal.jsonl")
        self._workers = {n.name: n for n in workers(profile)}
        self._cri = Cri(cluster.access) if cluster.access else None
        self._stop = threading.Event()
        self._lost = ""
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
        room = {name: min(per_node, max(1, node.allocatable_pods - 10)) for name, node in self._workers.items()}
        self._scheduler = Scheduler(
            (
                Job(p.key, min(p.scenario.pod_count, per_node), p.scenario.isolation, p.scenario.typical_s)
                for p in planned
            ),
            room,
            busy=busy,
        )

    def start(self) -> None:
        """Connect every source, then begin to run scenarios.

        Raises:
            ClusterUnusableError: the cluster does not answer.
        """
        kinds = {m["kind"] for p in self._planned.values() for m in p.scenario.manifests()} & set(_WATCHED)
        self._tenancy = Tenancy(self._api, self._run_id, self._journal)
        self._hub = Hub(self._api, self._run_id, self._cluster.access, self._workers, kinds)
        self._hub.start()
        self._main.start()
        self._guard.start()

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

    def finish(self, *, interrupted: bool = False) -> None:
        """Wait for (interrupted: end) all scenarios, take everything away, audit that nothing is left."""
        if interrupted:
            self._stop.set()
        if self._main.is_alive():
            self._main.join()
        self._over.set()
        if self._guard.is_alive():
            self._guard.join(timeout=5)
        if self._tenancy is not None:
            self.leaks = [] if self._lost else self._tenancy.leftovers(Deadline.after(_TEARDOWN_S))
            self._tenancy.stop()
        if self._hub is not None:
            self._hub.stop()
        self._journal.close()

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
                    thread = threading.Thread(
                        target=self._record, args=(planned, node), name=planned.id, daemon=True
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
        return Meta(
            scenario=planned.id,
            test=planned.test,
            pod=pods[-1] if pods else "",
            fixture=planned.scenario.pod or ", ".join(planned.scenario.objects),
            node=node,
            kubelet_version=profile.kubelet_version if profile else "",
            server_version=self._profile.server_version,
            windows=asdict(profile.windows(nightly=self._nightly)) if profile else {},
            sources=list(self._hub.sources) if self._hub else [],
            run=self._run_id,
        )

    def _record(self, planned: Planned, node: str) -> None:
        assert self._hub is not None  # noqa: S101 (start() made both before any thread)
        assert self._tenancy is not None  # noqa: S101
        recorder = Recorder(self._meta(planned, node), self._stop)
        namespace = self._tenancy.name_for(planned.key)
        self._hub.attach(planned.key, namespace, recorder)
        self._listener.scenario_started(planned.id)
        try:
            play = _Play(self, planned, recorder, namespace, self._workers[node])
            self._tenancy.make(planned.key)
            play.run()
            last = recorder.timeline().end_ns
            self._hub.settle(planned.key, node, last)
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
                if not self._lost:
                    self._tenancy.remove(namespace)
            except ApiError as error:
                _LOG.warning("namespace %s: %s", namespace, error)
            with self._changed:
                self._scheduler.finish(planned.key)
                self._changed.notify_all()

    def settled(self, key: str) -> None:
        """Let the next scenario begin: this one's busy part is over."""
        with self._changed:
            self._scheduler.settled(key)
            self._changed.notify_all()

    def _watch_over(self) -> None:
        """Notice an API server that is gone even while every scenario only waits."""
        while not self._over.wait(_GUARD_S) and not self._stop.is_set():
            try:
                self._api.get("/version", retry=False)
            except ApiError as error:
                self._check_alive(error)

    def _check_alive(self, error: ApiError) -> None:
        """End the run when the API server is away for good; single refusals are a scenario's own matter."""
        deadline = Deadline.after(_LOST_S)
        while not deadline.passed and not self._stop.is_set():
            try:
                self._api.get("/version")
            except ApiError as again:
                error = again
                self._stop.wait(min(1.0, deadline.left_s))
            else:
                return
        if not self._stop.is_set():
            self._lost = f"the API server went away: {error.message}"
            self._stop.set()

    @property
    def lost(self) -> str:
        """Why the cluster was given up, empty when it was not."""
        return self._lost


class _Play:
    """One scenario's way through its steps."""

    def __init__(
        self, driver: Driver, planned: Planned, recorder: Recorder, namespace: str, node: NodeProfile
    ) -> None:
        self._driver = driver
        self._planned = planned
        self._recorder = recorder
        self._node = node
        self._faults = 0
        self._labels = driver._tenancy.labels_for(planned.key) if driver._tenancy else {}  # noqa: SLF001 (one unit)
        self._context = FaultContext(
            api=driver._api,  # noqa: SLF001
            namespace=namespace,
            node=node.name,
            cri=driver._cri,  # noqa: SLF001
            timeline=recorder.timeline,
            prepare=self._prepare,
            record_object=self._applied,
        )

    def _prepare(self, manifest: Manifest) -> Manifest:
        return prepare(manifest, labels=self._labels, namespace=self._context.namespace, node=self._node.name)

    def _applied(self, raw: Mapping[str, Any]) -> None:
        self._recorder.say(Kind.APPLIED, object=slim(dict(raw)))

    def run(self) -> None:
        """Deploy, then go through the steps until one cannot be reached."""
        scenario = self._planned.scenario
        if not self._deploy(scenario):
            return
        for number, step in enumerate(scenario.steps):
            if number:
                self._driver.settled(self._planned.key)
            match step:
                case Until():
                    going = self._until(number, step)
                case Inject():
                    going = self._inject(step.fault)
                case Hold():
                    going = self._hold(step)
            if not going:
                return

    def _deploy(self, scenario: Scenario) -> bool:
        for manifest in scenario.manifests():
            ready = self._prepare(manifest)
            path = self._context.path(plural_of(manifest["kind"]))
            try:
                answer = self._context.api.post(path, ready)
            except ApiError as error:
                # Only a refusal of the object itself is evidence; a server that is away or busy is none.
                if error.status not in {400, 403, 422}:
                    raise
                self._recorder.say(Kind.REJECTED, object=slim(ready), status=error.status, body=error.body)
                if not scenario.expect_rejection:
                    return False
            else:
                self._applied(answer)
                if manifest["kind"] == "ResourceQuota":
                    # Admission refuses Pods until the quota controller has filled in the quota's status.
                    self._recorder.wait(_QUOTA_COUNTS, Deadline.after(_PROOF_S))
        return True

    def _until(self, number: int, step: Until) -> bool:
        began = time.monotonic()
        waited = self._recorder.wait(step.condition, Deadline.after(self._planned.scenario.deadline_s))
        facts = {"step": number, "condition": step.condition.text}
        if waited is Waited.MET:
            self._recorder.say(Kind.REACHED, control=step.control, **facts)
            return True
        self._recorder.say(Kind.MISSED, waited_s=round(time.monotonic() - began, 3), last=str(waited), **facts)
        return False

    def _hold(self, step: Hold) -> bool:
        seconds = float(self._recorder.meta.windows[step.window])
        self._recorder.say(Kind.HOLD_BEGIN, window=step.window, seconds=seconds)
        if self._recorder.wait(_NEVER, Deadline.after(seconds)) is Waited.STOPPED:
            return False
        self._recorder.say(Kind.HOLD_END, window=step.window, seconds=seconds)
        return True

    def _inject(self, fault: Fault) -> bool:
        index = self._faults
        self._faults += 1
        self._driver._journal.write(  # noqa: SLF001
            "fault",
            undo=f"delete namespace {self._context.namespace}",
            fault=fault.name,
            target=fault.target,
            namespace=self._context.namespace,
            node=self._node.name,
        )
        begin = self._recorder.say(Kind.FAULT, index=index, name=fault.name, target=fault.target)
        try:
            facts = dict(fault.inject(self._context))
        except (PodvowError, OSError, TimeoutError) as error:
            if isinstance(error, ApiError) and error.status in {0, 429, 500, 502, 503, 504}:
                raise
            self._recorder.say(Kind.FAULT_FAILED, index=index, error=str(error))
            return False
        mark = FaultMark(index, fault.name, fault.target, replace(begin, data={**begin.data, "facts": facts}), None)
        proof = Condition(f"{fault.name} observed", lambda t: fault.observed(t, mark))
        if self._recorder.wait(proof, Deadline.after(_PROOF_S)) is not Waited.MET:
            self._recorder.say(Kind.FAULT_FAILED, index=index, error="not observed to happen", facts=facts)
            return False
        self._recorder.say(Kind.FAULT_DONE, index=index, facts=facts)
        return True


def workers(profile: ClusterProfile) -> list[NodeProfile]:
    """Return the nodes that scenarios run on: usable workers, else (a cluster of one node) every usable node."""
    usable = [n for n in profile.nodes if n.usable]
    chosen = [n for n in usable if "control-plane" not in n.roles] or usable
    if not chosen:
        raise ClusterUnusableError("no node is ready and schedulable", hint="look at `kubectl get nodes`")
    return chosen


def not_applicable(scenario: Scenario, cluster: Cluster) -> str:
    """Return why a scenario cannot be run on this cluster, empty when it can."""
    have = {NODE_ACCESS} if cluster.access else set()
    missing = scenario.needs - have
    return f"this cluster lacks: {', '.join(sorted(missing))}" if missing else ""
