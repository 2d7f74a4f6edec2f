"""Synthetic evidence: stories of Pods that emit consistent trace, runtime and status records.

A story is told like this, and every step lets time pass::

    story = Story()
    pod = story.pod(inits=("init-1", "init-2"), apps=("app",))
    pod.initialise()
    story.fault("kill_pause")
    pod.lose_sandbox()
    pod.initialise()
    story.reach("app running anew")
    timeline = story.timeline()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from podvow.timeline import Meta, Record, Source, Timeline
from podvow.timeline.record import Kind

EPOCH_NS = 1_790_000_000_250_000_000
MS = 1_000_000
S = 1_000_000_000
ALL = (Source.TRACE, Source.RUNTIME, Source.STATUS)
WINDOWS = {
    "restart": 7.0,
    "rerun": 17.0,
    "quiet": 30.0,
    "backoff_late": 7.0,
    "backoff_jitter": 1.5,
    "terminal": 11.0,
    "deadline": 7.0,
}


def stamp(t_ns: int) -> str:
    """Return a moment as the API writes it: whole seconds."""
    return datetime.fromtimestamp(t_ns // S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Story:
    """The clock, the harness and the record list of one scenario."""

    def __init__(
        self,
        *,
        sources: Sequence[Source] = ALL,
        kubelet: str = "v1.37.2",
        windows: Mapping[str, float] = WINDOWS,
        main: str = "main",
    ) -> None:
        self.now = EPOCH_NS
        self.records: list[Record] = []
        self._seq: dict[Source, int] = {}
        self._faults = 0
        self.meta = Meta(
            scenario="area.subject.effect[Always]",
            test="suites/x::test_x",
            pod=main,
            fixture=main,
            node="worker",
            kubelet_version=kubelet,
            server_version="v1.37.2",
            windows=dict(windows),
            sources=tuple(str(s) for s in sources),
            images={"blue": "podvow/busybox:blue", "green": "podvow/busybox:green"},
        )

    def add(self, source: Source, kind: Kind, *, t_ns: int = 0, precision_ns: int = 0, **fields: Any) -> None:
        """Add a record of a connected source (or of the harness)."""
        if source is not Source.HARNESS and str(source) not in self.meta.sources:
            return
        self._seq[source] = self._seq.get(source, 0) + 1
        self.records.append(Record(t_ns or self.now, precision_ns, self._seq[source], source, kind, **fields))

    def say(self, kind: Kind, **data: Any) -> Story:
        """Record what the harness does."""
        self.add(Source.HARNESS, kind, data=data)
        self.wait(0.001)
        return self

    def wait(self, seconds: float) -> Story:
        """Let time pass."""
        self.now += int(seconds * S)
        return self

    def pod(self, name: str = "main", uid: str = "uid-1", **options: Any) -> PodLife:
        """Create a Pod."""
        return PodLife(self, name, uid, **options)

    def fault(self, name: str = "kill_pause", target: str = "sandbox", *, done: bool = True) -> Story:
        """Inject a fault."""
        self.wait(0.3).say(Kind.FAULT, index=self._faults, name=name, target=target)
        if done:
            self.say(Kind.FAULT_DONE, index=self._faults, facts={"id": "x"})
        self._faults += 1
        return self

    def fault_failed(self) -> Story:
        """Try a fault that does not take place."""
        self.say(Kind.FAULT, index=self._faults, name="kill_pause", target="sandbox")
        self.say(Kind.FAULT_FAILED, index=self._faults, error="not observed to happen")
        self._faults += 1
        return self

    def reach(self, condition: str = "app running anew", *, control: bool = True) -> Story:
        """Reach a state that was waited for."""
        return self.say(Kind.REACHED, step=1, condition=condition, control=control)

    def hold(self, seconds: float = 30.0) -> Story:
        """Observe for a window."""
        self.say(Kind.HOLD_BEGIN, window="quiet", seconds=seconds).wait(seconds)
        return self.say(Kind.HOLD_END, window="quiet", seconds=seconds)

    def look(self, probe: str, **data: Any) -> Story:
        """Let a probe answer (`facts`) or fail (`error`)."""
        return self.say(Kind.PROBED, probe=probe, **data)

    def gap(self, source: Source, seconds: float = 2.0) -> Story:
        """Let a source be blind for a while, from now on."""
        data = {"of": str(source), "until_ns": self.now + int(seconds * S), "reason": "watch expired"}
        self.add(Source.HARNESS, Kind.GAP, data=data)
        return self

    def object(self, kind: str, uid: str = "o-1", **content: Any) -> Story:
        """Let a watched object that is no Pod be seen."""
        raw = {"kind": kind, "metadata": {"name": kind.lower(), "uid": uid}, **content}
        self.add(Source.STATUS, Kind.OBJECT, data={"object": raw, "deleted": False})
        return self.wait(0.05)

    def timeline(self) -> Timeline:
        """Finish."""
        return Timeline(self.meta, self.records)


@dataclass
class _Container:
    """The state of one container in a story."""

    name: str
    image: str = "podvow/busybox:blue"
    runs: int = 0
    cid: str = ""
    ran_image: str = ""
    state: dict[str, Any] = field(default_factory=lambda: {"waiting": {"reason": "PodInitializing"}})
    last: dict[str, Any] = field(default_factory=dict)
    started_ns: int = 0
    restarts: int = 0

    @property
    def alive(self) -> bool:
        return "running" in self.state

    @property
    def succeeded(self) -> bool:
        return bool(self.state.get("terminated", {}).get("exitCode", 1) == 0)

    def status(self, *, init: bool) -> dict[str, Any]:
        seen = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last,
            "ready": self.succeeded if init else self.alive,
            "started": self.alive,
            "restartCount": self.restarts,
            "image": self.ran_image or self.image,
            "imageID": f"sha256:{self.ran_image}" if self.ran_image else "",
        }
        return {**seen, "containerID": f"containerd://{self.cid}"} if self.cid else seen


class PodLife:
    """One Pod in a story; what it does is what a correct kubelet would do, unless it is told otherwise."""

    def __init__(
        self,
        story: Story,
        name: str,
        uid: str,
        *,
        inits: Sequence[str] = ("init-1", "init-2"),
        apps: Sequence[str] = ("app",),
        sidecars: Sequence[str] = (),
        policy: str = "Always",
        traced: bool = True,
        lasts: float = 1.0,
    ) -> None:
        self.story, self.name, self.uid, self.policy, self.traced, self.lasts = (
            story,
            name,
            uid,
            policy,
            traced,
            lasts,
        )
        self.inits, self.apps, self.sidecars = tuple(inits), tuple(apps), tuple(sidecars)
        self.all = {c: _Container(c) for c in (*sidecars, *inits, *apps)}
        self.sandbox, self.sandboxes, self.ip = "", 0, ""
        self.generation = self.observed = 1
        self.phase = "Pending"
        self.initialized = False
        self.node = ""
        self.deleting = False
        self.start_time = ""
        self._flips: dict[str, tuple[str, str]] = {}
        self.extra: dict[str, Any] = {}
        self.own_spec: dict[str, dict[str, Any]] = {}
        story.add(Source.HARNESS, Kind.APPLIED, data={"object": self.raw(bare=True)})
        story.wait(0.02)
        self.snap(kubelet=False)
        self.node = "worker"
        self.snap(kubelet=False)

    # what the API shows

    def _containers(self, names: Iterable[str]) -> list[dict[str, Any]]:
        mounts = [{"name": "podvow-trace", "mountPath": "/podvow"}] if self.traced else []
        found = []
        for name in names:
            own = {"restartPolicy": "Always"} if name in self.sidecars else {}
            found.append(
                {
                    "name": name,
                    "image": self.all[name].image,
                    "volumeMounts": mounts,
                    **own,
                    **self.own_spec.get(name, {}),
                }
            )
        return found

    def _incomplete(self) -> list[str]:
        return [c for c in self.sidecars if not self.all[c].alive] + [
            c for c in self.inits if not self.all[c].succeeded
        ]

    def conditions(self) -> list[dict[str, Any]]:
        """Return the conditions that a kubelet of 1.36 or later publishes."""
        missing = self._incomplete()
        done = self.initialized or not missing
        ready = done and all(self.all[a].alive for a in self.apps)
        message = f"containers with incomplete status: [{' '.join(missing)}]"
        found = [
            {"type": "PodReadyToStartContainers", "status": str(bool(self.sandbox))},
            {"type": "Initialized", "status": "True"}
            if done
            else {
                "type": "Initialized",
                "status": "False",
                "reason": "ContainersNotInitialized",
                "message": message,
            },
            {"type": "Ready", "status": str(ready)},
            {"type": "ContainersReady", "status": str(ready)},
            {"type": "PodScheduled", "status": "True"},
        ]
        for condition in found:
            old, since = self._flips.get(condition["type"], ("", ""))
            if old != condition["status"]:
                since = stamp(self.story.now)
                self._flips[condition["type"]] = (condition["status"], since)
            condition["lastTransitionTime"] = since
        return found

    def raw(self, *, bare: bool = False, kubelet: bool = True) -> dict[str, Any]:
        """Return the object as the API server has it."""
        spec: dict[str, Any] = {
            "restartPolicy": self.policy,
            "initContainers": self._containers((*self.sidecars, *self.inits)),
            "containers": self._containers(self.apps),
        }
        metadata: dict[str, Any] = {"name": self.name}
        if bare:
            return {"kind": "Pod", "metadata": metadata, "spec": spec}
        metadata |= {"uid": self.uid, "generation": self.generation}
        if self.node:
            spec["nodeName"] = self.node
        if self.deleting:
            metadata["deletionTimestamp"] = stamp(self.story.now)
        status: dict[str, Any] = {"phase": self.phase, "qosClass": "BestEffort", **self.extra}
        if kubelet:
            self.start_time = self.start_time or stamp(self.story.now)
            status |= {
                "observedGeneration": self.observed,
                "startTime": self.start_time,
                "conditions": self.conditions(),
                "initContainerStatuses": [self.all[c].status(init=True) for c in (*self.sidecars, *self.inits)],
                "containerStatuses": [self.all[c].status(init=False) for c in self.apps],
            }
            if self.ip:
                status["podIP"] = self.ip
        return {"kind": "Pod", "metadata": metadata, "spec": spec, "status": status}

    def snap(self, *, kubelet: bool = True, deleted: bool = False) -> PodLife:
        """Let the watch deliver the object."""
        self.story.wait(0.02)
        raw = _frozen(self.raw(kubelet=kubelet))
        kind = Kind.DELETED if deleted else Kind.SNAPSHOT
        self.story.add(Source.STATUS, kind, pod=self.name, uid=self.uid, data={"object": raw})
        return self

    # what the runtime and the containers do

    def _runtime(self, kind: Kind, container: str, **data: Any) -> None:
        self.story.add(
            Source.RUNTIME, kind, precision_ns=1, pod=self.name, uid=self.uid, container=container, data=data
        )

    def _trace(self, kind: Kind, container: str, **data: Any) -> None:
        if self.traced:
            t_ns = self.story.now // (10 * MS) * (10 * MS)
            data = {"n": self.all[container].runs, "uptime_s": t_ns / S, **data}
            self.story.add(
                Source.TRACE,
                kind,
                t_ns=t_ns,
                precision_ns=10 * MS,
                pod=self.name,
                uid=self.uid,
                container=container,
                data=data,
            )

    def new_sandbox(self) -> PodLife:
        """Start a sandbox."""
        self.sandboxes += 1
        self.sandbox = f"{self.uid}-sandbox-{self.sandboxes}"
        self.ip = f"10.0.{len(self.uid)}.{self.sandboxes}"
        self.story.wait(0.2)
        self._runtime(Kind.SANDBOX_STARTED, "", id=self.sandbox, attempt=self.sandboxes - 1)
        return self

    def end_sandbox(self) -> PodLife:
        """End the sandbox's own process."""
        self._runtime(Kind.SANDBOX_EXITED, "", id=self.sandbox, code=137)
        self.sandbox = ""
        self.story.wait(0.01)
        return self

    def start(self, name: str, *, snap: bool = True, first_line: bool = True) -> PodLife:
        """Start a container anew."""
        container = self.all[name]
        container.runs += 1
        if "terminated" in container.state:
            container.last = {"terminated": container.state["terminated"]}
        container.cid = f"{self.uid}-{name}-{container.runs}"
        container.ran_image = container.image
        self.story.wait(0.1)
        self._runtime(
            Kind.CONTAINER_CREATED,
            name,
            id=container.cid,
            sandbox=self.sandbox,
            image=f"docker.io/{container.image}",
            attempt=container.runs - 1,
        )
        self.story.wait(0.03)
        container.started_ns = self.story.now
        self._runtime(Kind.CONTAINER_STARTED, name, id=container.cid, sandbox=self.sandbox, pid=7)
        self.story.wait(0.03)
        if first_line:
            self._trace(Kind.STARTED, name)
        container.state = {"running": {"startedAt": stamp(container.started_ns)}}
        if name in self.apps:
            self.phase, self.initialized = "Running", True
        return self.snap() if snap else self

    def say(self, name: str, text: str) -> PodLife:
        """Let a container write a line."""
        self._trace(Kind.SAID, name, text=text)
        self.story.wait(0.01)
        return self

    def end(
        self, name: str, code: int = 0, *, snap: bool = True, last_line: bool = True, seen: bool = True
    ) -> PodLife:
        """Let a container's process end."""
        container = self.all[name]
        if last_line:
            self._trace(Kind.EXITED, name, code=code)
        self.story.wait(0.012)
        if seen:
            self._runtime(Kind.CONTAINER_EXITED, name, id=container.cid, sandbox=self.sandbox, code=code)
        container.state = {
            "terminated": {
                "exitCode": code,
                "reason": "Completed" if code == 0 else "Error",
                "startedAt": stamp(container.started_ns),
                "finishedAt": stamp(self.story.now),
                "containerID": f"containerd://{container.cid}",
            }
        }
        return self.snap() if snap else self

    def kill(self, name: str, *, snap: bool = True) -> PodLife:
        """SIGKILL a container: the trace does not see it."""
        return self.end(name, 137, snap=snap, last_line=False)

    def await_restart(self, name: str, reason: str = "CrashLoopBackOff", message: str = "") -> PodLife:
        """Show a container waiting, as the kubelet does during a back-off."""
        container = self.all[name]
        if "terminated" in container.state:
            container.last = {"terminated": container.state["terminated"]}
        container.state = {"waiting": {"reason": reason, "message": message}}
        return self.snap()

    def restart(self, name: str, *, snap: bool = True) -> PodLife:
        """Start a container again in place."""
        self.all[name].restarts += 1
        self.story.wait(0.6)
        return self.start(name, snap=snap)

    # longer passages

    def run_init(self, name: str, code: int = 0) -> PodLife:
        """Let an init container run and end."""
        self.start(name)
        self.story.wait(self.lasts)
        return self.end(name, code)

    def initialise(self, inits: Sequence[str] | None = None) -> PodLife:
        """Start a sandbox, run the inits, start the apps."""
        if not self.sandbox:
            self.new_sandbox().snap()
        for sidecar in self.sidecars:
            self.start(sidecar)
        for name in self.inits if inits is None else inits:
            self.run_init(name)
        return self.start_apps()

    def start_apps(self) -> PodLife:
        """Start the apps."""
        for app in self.apps:
            self.start(app)
        return self

    def lose_sandbox(self, *, snap: bool = True) -> PodLife:
        """Lose the sandbox: the kubelet ends what still runs, statuses stay what they were (stale)."""
        self.end_sandbox()
        self.story.wait(0.5)
        for name, container in self.all.items():
            if container.alive:
                self.kill(name, snap=False)
        self.phase = "Pending"
        return self.snap() if snap else self

    def patch_image(self, name: str, image: str = "podvow/busybox:green", *, observe: bool = True) -> PodLife:
        """Change a container's image in the spec."""
        self.all[name].image = image
        self.generation += 1
        self.snap()
        if observe:
            self.observed = self.generation
            self.snap()
        return self

    def finish(self, phase: str, reason: str = "") -> PodLife:
        """Come to an end."""
        self.phase = phase
        if reason:
            self.extra["reason"] = reason
        return self.snap()

    def delete(self, *, gone: bool = True) -> PodLife:
        """Delete the Pod."""
        self.deleting = True
        self.snap()
        for name, container in self.all.items():
            if container.alive:
                self.end(name, 143, snap=False)
        if self.sandbox:
            self.end_sandbox()
        return self.snap(deleted=True) if gone else self


def _frozen(value: Any) -> Any:
    """Return a deep copy of raw JSON."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_frozen(item) for item in value]
    return value


# mutations of finished timelines


def without(timeline: Timeline, drop: Callable[[Record], bool]) -> Timeline:
    """Return the timeline without some records."""
    return Timeline(timeline.meta, [r for r in timeline.records if not drop(r)])


def disconnected(timeline: Timeline, *sources: Source) -> Timeline:
    """Return the timeline as if sources had never been connected."""
    meta = replace(timeline.meta, sources=[s for s in timeline.meta.sources if s not in sources])
    return Timeline(meta, [r for r in timeline.records if r.source not in sources])


def gapped(timeline: Timeline, *sources: Source) -> Timeline:
    """Return the timeline with every given source blind during its last second and a half."""
    last = max((r.seq for r in timeline.records if r.source is Source.HARNESS), default=0)
    begin = timeline.end_ns - 3 * S // 2
    holes = [
        Record(
            begin,
            0,
            last + number,
            Source.HARNESS,
            Kind.GAP,
            data={"of": str(source), "until_ns": timeline.end_ns, "reason": "watch expired"},
        )
        for number, source in enumerate(sources or ALL, start=1)
    ]
    return Timeline(timeline.meta, [*timeline.records, *holes])


def busy(timeline: Timeline, late_s: float) -> Timeline:
    """Return the timeline of a cluster that took some seconds longer for the Pod's first sandbox."""
    moved = [replace(r, t_ns=r.t_ns - round(late_s * S)) if r.kind is Kind.APPLIED else r for r in timeline.records]
    return Timeline(timeline.meta, moved)


def with_event(
    timeline: Timeline, t_ns: int, reason: str, *, message: str = "", container: str = "", pod: str = ""
) -> Timeline:
    """Return the timeline with an Event more, which is stamped to the second."""
    data = {"reason": reason, "message": message, "type": "Warning", "count": 1}
    name = pod or timeline.meta.pod
    event = Record(t_ns, S, 1, Source.EVENTS, Kind.EVENT, name, container=container, data=data)
    return Timeline(timeline.meta, [*timeline.records, event])


def edited(
    timeline: Timeline, pick: Callable[[Record], bool], change: Callable[[dict[str, Any]], None]
) -> Timeline:
    """Return the timeline with the data of some records changed in place (on a copy)."""
    records = []
    for record in timeline.records:
        if pick(record):
            data = _frozen(dict(record.data))
            change(data)
            records.append(replace(record, data=data))
        else:
            records.append(record)
    return Timeline(timeline.meta, records)
