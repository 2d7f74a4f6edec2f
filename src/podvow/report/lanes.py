"""What a drawn timeline shows, before it is drawn: lanes of containers with bars, status strips and sandboxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from podvow.timeline import Run, Snapshot, Source, Timeline
from podvow.timeline.record import Kind

_KILLED_ABOVE = 128


@dataclass(frozen=True, slots=True)
class Bar:
    """One run of a container.

    Attributes:
        run: the run.
        outer: begin and end as the runtime tells it, else as the status tells it; None when only the trace saw it.
        inner: begin and end as its own trace tells it; None without trace.
        outcome: `ok`, `bad`, `killed`, `running` or `gone` (ended, code unknown).
        sure: False when only the status saw it.
    """

    run: Run
    outer: tuple[int, int] | None
    inner: tuple[int, int] | None
    outcome: str
    sure: bool

    @property
    def extent(self) -> tuple[int, int]:
        """Where it begins and ends, whoever says so."""
        spans = [span for span in (self.outer, self.inner) if span]
        return min(s[0] for s in spans), max(s[1] for s in spans)

    @property
    def title(self) -> str:
        """What a reader who points at it is told."""
        how = {
            "ok": "exited 0",
            "bad": f"exited {self.run.code}",
            "killed": f"killed (exit code {self.run.code})",
            "running": "running at the end of the evidence",
            "gone": "ended, exit code unknown",
        }[self.outcome]
        seen = ", ".join(sorted(self.run.sources)) or "?"
        image = f"\nimage {self.run.image}" if self.run.image else ""
        return f"{self.run.label}: {how}\nseen by {seen}{image}"


@dataclass(frozen=True, slots=True)
class Strip:
    """A stretch in which the published status of a container stayed the same."""

    from_ns: int
    until_ns: int
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One container of one Pod."""

    pod: str
    container: str
    role: str
    bars: tuple[Bar, ...]
    strips: tuple[Strip, ...]


def pods(timeline: Timeline) -> list[str]:
    """Return the Pods on the timeline, the main one first, then as they appeared."""
    seen = dict.fromkeys(r.pod for r in timeline.records if r.pod)
    main = timeline.meta.pod
    return ([main] if main in seen or timeline.spec(main) else []) + [pod for pod in seen if pod != main]


def lanes(timeline: Timeline) -> Iterator[Lane]:
    """Yield the lanes, Pod by Pod, containers in spec order; containers that no spec names come last."""
    for pod in pods(timeline):
        shots = timeline.snapshots(pod)
        roles = dict.fromkeys(timeline.inits(pod), "init") | dict.fromkeys(timeline.sidecars(pod), "sidecar")
        order = [str(c["name"]) for c in timeline.spec(pod).get("initContainers") or ()]
        order += timeline.apps(pod)
        witnesses = (Source.TRACE, Source.RUNTIME)
        order += [r.container for r in timeline.records if r.pod == pod and r.container and r.source in witnesses]
        for container in dict.fromkeys(order):
            runs = timeline.runs(container, pod)
            bars = tuple(bar for n, run in enumerate(runs) if (bar := _bar(timeline, shots, runs[n:], run)))
            strips = tuple(_strips(timeline, shots, container))
            yield Lane(pod, container, roles.get(container, "app"), bars, strips)


def _bar(timeline: Timeline, shots: tuple[Snapshot, ...], later: tuple[Run, ...], run: Run) -> Bar | None:
    following = next((r.start.t_ns for r in later[1:] if r.uid == run.uid and r.start), None)
    end = timeline.end_ns
    gone = next((r.t_ns for r in timeline.of(Kind.DELETED) if r.uid == run.uid), None)
    limit = min(t for t in (following, gone, end) if t is not None)
    sources = run.sources
    inner = outer = None
    if run.first_line:
        begin = run.first_line.t_ns
        stop = run.last_line.t_ns if run.last_line else (run.exit.t_ns if run.exit else limit)
        inner = (begin, max(begin, stop))
    if Source.RUNTIME in sources and (run.start or run.exit):
        begin = run.start.t_ns if run.start else (run.exit.t_ns if run.exit else 0)
        outer = (begin, max(begin, run.exit.t_ns if run.exit else limit))
    elif not inner:
        outer = _by_status(shots, run, limit)
    if not inner and not outer:
        return None
    still = run.exit is None and run.code is None
    return Bar(run, outer, inner, _outcome(run, ended=not still or limit < end), bool(sources - {Source.STATUS}))


def _by_status(shots: tuple[Snapshot, ...], run: Run, limit: int) -> tuple[int, int] | None:
    mine = [s for s in shots if run.container_id and s.container_id(run.container) == run.container_id]
    if not mine:
        return None
    over = next((s.t_ns for s in mine if s.state(run.container)[0] != "running"), limit)
    return mine[0].t_ns, max(mine[0].t_ns, over)


def _outcome(run: Run, *, ended: bool) -> str:
    if run.code is None:
        return "gone" if ended else "running"
    if run.code == 0:
        return "ok"
    return "killed" if run.code > _KILLED_ABOVE else "bad"


def _strips(timeline: Timeline, shots: tuple[Snapshot, ...], container: str) -> Iterator[Strip]:
    """Yield the published states of a container, one strip for equal neighbours."""
    open_at, last = 0, ("", "")
    for shot in shots:
        name, details = shot.state(container)
        now = ("", "") if shot.record.kind is Kind.DELETED else (name, _words(name, details))
        if now != last:
            if last[0]:
                yield Strip(open_at, shot.t_ns, *last)
            open_at, last = shot.t_ns, now
    if last[0]:
        yield Strip(open_at, timeline.end_ns, *last)


def _words(state: str, details: object) -> str:
    facts = details if isinstance(details, dict) else {}
    code = facts.get("exitCode")
    return " ".join(str(part) for part in (state, facts.get("reason"), code) if part not in {None, ""})
