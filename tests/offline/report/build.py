"""A small builder of synthetic timelines: what a cluster would have left behind, without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from podvow.report.model import ClaimInfo, NodeInfo, RunInfo, SeedSentence, Topic
from podvow.timeline import Meta, Record, Source, Timeline, save
from podvow.timeline.record import Kind
from podvow.verdict import ClaimKind, Finding, Judged, Judgement, Outcome, Verdict

T0 = 1_790_000_000_000_000_000
SECOND = 1_000_000_000


def ns(at_s: float) -> int:
    return T0 + int(at_s * SECOND)


class Cluster:
    """Writes records as the sources would, from a few calls in seconds."""

    def __init__(
        self,
        scenario: str,
        *,
        inits: tuple[str, ...] = ("init-1", "init-2"),
        sidecars: tuple[str, ...] = (),
        apps: tuple[str, ...] = ("app-a",),
        pod: str = "two-inits",
    ) -> None:
        self.pod, self.uid = pod, f"uid-{pod}"
        self.meta = Meta(
            scenario=scenario,
            test=f"suites/x/test_x.py::test_x[{scenario}]",
            pod=pod,
            fixture="two-inits",
            node="worker-1",
            kubelet_version="v1.37.2",
            server_version="v1.37.2",
            windows={"quiet": 30.0},
            sources=tuple(str(s) for s in Source),
            run="r-1",
        )
        names = [{"name": n} for n in inits] + [{"name": n, "restartPolicy": "Always"} for n in sidecars]
        self.spec = {"initContainers": names, "containers": [{"name": n} for n in apps]}
        self.inits, self.apps = (*inits, *sidecars), apps
        self.records: list[Record] = []
        self._states: dict[str, tuple[dict[str, Any], str]] = {}
        self._n: dict[str, int] = {}
        self._cid = ""
        self._sandbox = ""
        self._sandboxes = 0
        self.add(0, Source.HARNESS, Kind.APPLIED, object=self.object())

    def add(self, at_s: float, source: Source, kind: Kind, container: str = "", **data: Any) -> Record:
        about = source is not Source.HARNESS
        record = Record(
            ns(at_s),
            10_000_000 if source is Source.TRACE else 0,
            len(self.records) + 1,
            source,
            kind,
            self.pod if about else "",
            self.uid if about else "",
            container,
            data,
        )
        self.records.append(record)
        return record

    def object(self) -> dict[str, Any]:
        def statuses(names: tuple[str, ...]) -> list[dict[str, Any]]:
            return [
                {"name": n, "state": self._states[n][0], "containerID": f"containerd://{self._states[n][1]}"}
                for n in names
                if n in self._states
            ]

        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.pod, "uid": self.uid, "labels": {"podvow.dev/run": "r-1"}},
            "spec": self.spec,
            "status": {
                "phase": "Pending",
                "initContainerStatuses": statuses(self.inits),
                "containerStatuses": statuses(self.apps),
            },
        }

    def shot(self, at_s: float, container: str = "", state: str = "", cid: str = "", **details: Any) -> None:
        if container:
            known = self._states.get(container, ({}, ""))[1]
            self._states[container] = ({state: details}, cid or known)
        self.add(at_s, Source.STATUS, Kind.SNAPSHOT, object=self.object())

    def sandbox(self, at_s: float) -> str:
        self._sandbox = f"sandbox{self._sandboxes}"
        self.add(at_s, Source.RUNTIME, Kind.SANDBOX_STARTED, id=self._sandbox, attempt=self._sandboxes)
        self._sandboxes += 1
        return self._sandbox

    def run(
        self,
        container: str,
        from_s: float,
        until_s: float | None = None,
        code: int = 0,
        *,
        sources: tuple[Source, ...] = (Source.TRACE, Source.RUNTIME, Source.STATUS),
    ) -> None:
        n = self._n[container] = self._n.get(container, 0) + 1
        cid = f"{container}-{n}-0123456789abcdef"
        if Source.RUNTIME in sources:
            about: dict[str, Any] = {"id": cid, "sandbox": self._sandbox, "image": "podvow.dev/blue:1"}
            self.add(from_s - 0.04, Source.RUNTIME, Kind.CONTAINER_CREATED, container, **about)
            self.add(from_s, Source.RUNTIME, Kind.CONTAINER_STARTED, container, id=cid, sandbox=self._sandbox)
        if Source.TRACE in sources:
            self.add(from_s + 0.02, Source.TRACE, Kind.STARTED, container, n=n, uptime_s=from_s)
        if Source.STATUS in sources:
            self.shot(from_s + 0.1, container, "running", cid, startedAt="now")
        if until_s is None:
            return
        if Source.TRACE in sources and code <= 128:
            self.add(until_s - 0.02, Source.TRACE, Kind.EXITED, container, n=n, code=code, uptime_s=until_s)
        if Source.RUNTIME in sources:
            self.add(until_s, Source.RUNTIME, Kind.CONTAINER_EXITED, container, id=cid, code=code)
        if Source.STATUS in sources:
            done = {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}
            self.shot(until_s + 0.15, container, "terminated", cid, containerID=f"containerd://{cid}", **done)

    def fault(self, at_s: float, name: str, *, done_s: float | None = None, error: str = "", **facts: Any) -> None:
        index = sum(1 for r in self.records if r.kind is Kind.FAULT)
        self.add(at_s, Source.HARNESS, Kind.FAULT, index=index, name=name, target=self.pod)
        if error:
            self.add(at_s + 0.2, Source.HARNESS, Kind.FAULT_FAILED, index=index, error=error)
        else:
            self.add(done_s or at_s + 0.2, Source.HARNESS, Kind.FAULT_DONE, index=index, facts=facts)

    def reached(self, at_s: float, condition: str, **data: Any) -> None:
        self.add(at_s, Source.HARNESS, Kind.REACHED, step=0, condition=condition, **data)

    def hold(self, at_s: float, seconds: float) -> None:
        self.add(at_s, Source.HARNESS, Kind.HOLD_BEGIN, window="quiet", seconds=seconds)
        self.add(at_s + seconds, Source.HARNESS, Kind.HOLD_END, window="quiet", seconds=seconds)

    def gap(self, from_s: float, until_s: float, source: Source = Source.STATUS) -> None:
        data: dict[str, Any] = {
            "of": str(source),
            "until_ns": ns(until_s),
            "reason": "410 Gone, listed anew",
        }
        self.add(from_s, Source.HARNESS, Kind.GAP, **data)

    def timeline(self) -> Timeline:
        return Timeline(self.meta, self.records)


def started(scenario: str, **spec: Any) -> Cluster:
    """A Pod that came up as it should within three seconds."""
    c = Cluster(scenario, **spec)
    for name in (*c.inits, *c.apps):
        c._states[name] = ({"waiting": {"reason": "PodInitializing"}}, "")
    c.shot(0.15)
    c.sandbox(0.5)
    at = 0.8
    for name in c.inits:
        c.run(name, at, at + 0.4)
        at += 0.7
    for name in c.apps:
        c.run(name, at)
        at += 0.1
    c.reached(at + 0.2, "initialised and running")
    return c


def sandbox_loss(scenario: str) -> Cluster:
    c = started(scenario)
    c.fault(3.4, "kill_sandbox", sandbox="sandbox0")
    c.add(3.5, Source.RUNTIME, Kind.CONTAINER_EXITED, "app-a", id="app-a-1-0123456789abcdef", code=137)
    c.add(3.52, Source.RUNTIME, Kind.SANDBOX_EXITED, id="sandbox0", code=137)
    c.add(3.9, Source.EVENTS, Kind.EVENT, reason="SandboxChanged", message="it will be re-created", type="Normal")
    c.sandbox(4.6)
    c.run("init-1", 4.9, 5.3)
    c.run("init-2", 5.6, 6.0)
    c.run("app-a", 6.3)
    c.reached(6.6, "app-a running again", control=True)
    c.hold(6.6, 5)
    return c


def back_off(scenario: str) -> Cluster:
    c = Cluster(scenario, inits=("init-1", "init-2"))
    c.sandbox(0.4)
    at = 0.7
    for n, wait in enumerate((0.2, 10.3, 20.8, 41.2, 0)):
        c.run("init-1", at, at + 0.15, 1 if n < 4 else 0)
        if wait > 1:
            c.shot(at + 0.8, "init-1", "waiting", reason="CrashLoopBackOff")
        at += 0.15 + wait
    c.run("init-2", at + 0.4, at + 0.8)
    c.run("app-a", at + 1.1)
    c.reached(at + 1.4, "running")
    return c


def image_change(scenario: str) -> Cluster:
    c = started(scenario, apps=("app-a", "app-b"))
    c.fault(3.5, "set_image", generation=2)
    c.add(3.7, Source.RUNTIME, Kind.CONTAINER_EXITED, "app-a", id="app-a-1-0123456789abcdef", code=143)
    c.run("app-a", 4.4)
    c.run("init-1", 4.9, 5.3)
    c.reached(5.5, "app-a restarted", control=True)
    c.hold(5.5, 30)
    return c


def gapped(scenario: str) -> Cluster:
    c = started(scenario, sidecars=("proxy",))
    c.fault(4.4, "restart_kubelet")
    c.gap(4.5, 8.2)
    c.gap(5.0, 7.0, Source.RUNTIME)
    c.reached(9.0, "node ready")
    c.hold(9.0, 10)
    return c


def status_only(scenario: str) -> Cluster:
    c = Cluster(scenario)
    for name, begin, end in (("init-1", 1.0, 2.0), ("init-2", 2.5, 3.5)):
        c.run(name, begin, end, sources=(Source.STATUS,))
    c.run("app-a", 4.0, sources=(Source.STATUS,))
    c.fault(5.0, "kill_container", error="no access to the node")
    return c


def judgements(*pairs: tuple[str, Outcome, str]) -> tuple[Judgement, ...]:
    found = [Judgement(text, outcome, detail) for text, outcome, detail in pairs]
    return (*found, Judgement("no container ran twice at once", Outcome.HOLDS, standing=True))


CLAIMS = (
    ClaimInfo(
        "ordering.inits.sequential",
        statement="Init containers run one after another, each only after the one before it succeeded.",
        sources=("concepts/workloads/pods/init-containers#understanding-init-containers", "seed:25"),
        severity="blocker",
        epic="Init Containers",
        feature="Understanding init containers",
        story="run in order",
        seed_lines=(25,),
    ),
    ClaimInfo(
        "rerun.sandbox-loss.all-inits",
        statement="When the Pod's sandbox is lost, all init containers run again.",
        sources=("concepts/workloads/pods/init-containers#pod-restart-reasons",),
        severity="critical",
        epic="Init Containers",
        feature="Pod restart reasons",
    ),
    ClaimInfo(
        "update.app-image.restarts-only-that-container",
        statement="A change of an app container's image restarts only that container.",
        sources=("concepts/workloads/pods/init-containers#differences", "seed:37"),
        epic="Init Containers",
        feature="Detailed behavior",
    ),
    ClaimInfo("failure.backoff.grows", kind=ClaimKind.CHARACTERISED, statement="Back-off doubles from 10 s."),
    ClaimInfo(
        "seed.image-update.reruns-inits",
        kind=ClaimKind.SEED_LITERAL,
        statement="When an init container's image is updated, it runs again and the Pod restarts.",
        sources=("seed:35",),
        seed_lines=(35,),
    ),
    ClaimInfo("sidecars.kubelet-restart.survive", statement="Sidecars survive a restart of the kubelet."),
    ClaimInfo("resources.requests.max-of-inits", statement="Never judged here."),
    ClaimInfo(
        "rerun.records-lost.all-inits",
        statement="When all apps are dead and the records are lost, the inits run again.",
        catalogue=("F4",),
        note="Versions before 1.37 did.",
    ),
    ClaimInfo("devices.kubelet-restart.kept", statement="Devices stay.", not_judged="A kind node has no devices."),
)
CATALOGUE = (
    Topic("F4", "All apps dead, records lost"),
    Topic("E18", "Devices", "needs <devices>"),
)
"""The behaviours, one with a claim and one without."""
SEED = (
    SeedSentence(25, "The next one starts when the one before has succeeded.", ("ordering.inits.sequential",)),
    SeedSentence(
        35,
        "When an init container's image is updated the init container runs again.",
        ("seed.image-update.reruns-inits", "update.app-image.restarts-only-that-container"),
        "old wording, dropped from the documentation",
    ),
    SeedSentence(45, "An example.", (), "no promise in it"),
)
RUN = RunInfo(
    id="2026-11-23-abc",
    started="2026-11-23T01:02:03+00:00",
    wall_s=97.4,
    limit_s=83.0,
    cpu_s=6.2,
    api_requests=412,
    exit_code=1,
    provider="kind",
    server_version="v1.37.2",
    nodes=(NodeInfo("worker-1", "v1.37.2", "containerd://2.2.0", ("node-access", "runtime-events")),),
    extra={"podvow": "0.1.0", "python": "3.11"},
)


def violated_message(scenario: str) -> str:
    return (
        f"{scenario}    VIOLATED\n"
        '  "A change of an app container\'s image restarts only that container."\n\n'
        "  holds     app-a restarted once after the fault   +4.400s\n"
        "  VIOLATED  init-1 not run again after the fault   ran again 1 time, first at +4.900s\n"
        "   > +4.900s  init-1 #2 started   trace, runtime\n"
    )


def run_folder(folder: Path, *, copies: int = 1) -> list[Judged]:
    """Write evidence files and return verdicts of every kind."""
    judged: list[Judged] = []

    def put(make: Any, scenario: str, claims: tuple[str, ...], verdict: Verdict, **facts: Any) -> None:
        timeline = make(scenario).timeline()
        evidence = f"evidence/{scenario}.jsonl"
        save(timeline, folder / evidence)
        facts |= {"evidence": evidence, "wall_s": timeline.at_s(timeline.end_ns)}
        judged.append(Judged(scenario, timeline.meta.test, claims, verdict, **facts))

    ok, bad, open_ = Outcome.HOLDS, Outcome.VIOLATED, Outcome.INCONCLUSIVE
    for n in range(copies):
        tail = f"[{n}]" if copies > 1 else "[Always]"
        put(
            started, f"ordering.inits{tail}", ("ordering.inits.sequential",), Verdict.HOLDS,
            findings=(Finding("status-exit-code", "the status says 0, <the runtime> 3", ns(2.5), 2.5),),
            kubelet="v1.37.2", expected={"ordering.inits.sequential": "holds"},
            judgements=judgements(("init-1 exited before init-2 started", ok, "0.3 s apart")),
        )  # fmt: skip
        put(
            sandbox_loss, f"rerun.sandbox-loss{tail}",
            ("rerun.sandbox-loss.all-inits", "ordering.inits.sequential"), Verdict.HOLDS,
            judgements=judgements(("init-1 ran again after the fault", ok, "+4.900s")),
        )  # fmt: skip
        name = f"update.app-image{tail}"
        put(
            image_change, name, ("update.app-image.restarts-only-that-container",), Verdict.VIOLATED,
            judgements=(
                Judgement("app-a restarted once after the fault", ok, "+4.400s, 0.9 s after the fault"),
                Judgement("init-1 not run again after the fault", bad, "ran again 1 time", (ns(4.9),)),
            ),
            message=violated_message(name),
        )  # fmt: skip
        put(
            back_off, f"failure.backoff{tail}", ("failure.backoff.grows",), Verdict.HOLDS,
            judgements=judgements(("each wait doubled", ok, "10.3 s, 20.8 s, 41.2 s")),
        )  # fmt: skip
        put(
            gapped, f"sidecars.kubelet-restart{tail}", ("sidecars.kubelet-restart.survive",), Verdict.INCONCLUSIVE,
            judgements=judgements(("proxy not run again after the fault", open_, "the status was not observed")),
            reason="a gap covers the fault", message="gap of status from +4.5s to +8.2s",
        )  # fmt: skip
        put(
            status_only, f"rerun.kill{tail}", ("rerun.sandbox-loss.all-inits",), Verdict.NOT_INJECTED,
            reason="kill_container: no access to the node",
        )  # fmt: skip
        put(
            image_change, f"seed.image-update{tail}", ("seed.image-update.reruns-inits",), Verdict.VIOLATED,
            judgements=judgements(("init-1 ran again after the fault", bad, "its only run ended at +1.2s")),
            message="the init container did not run again",
        )  # fmt: skip
        put(
            image_change, f"rerun.records-lost{tail}", ("rerun.records-lost.all-inits",), Verdict.VIOLATED,
            judgements=judgements(("init-1 ran again after the fault", bad, "its only run ended at +1.2s")),
            message="init-1 did not run again",
            kubelet="v1.37.2", expected={"rerun.records-lost.all-inits": "violated"},
        )  # fmt: skip
        judged.append(
            Judged(
                f"resources.resize{tail}", "suites/x", ("ordering.inits.sequential",), Verdict.NOT_APPLICABLE,
                reason="needs kubelet >= 1.38; worker-1 has v1.37.2",
            )
        )  # fmt: skip
    return judged
