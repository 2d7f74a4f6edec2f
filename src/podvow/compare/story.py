"""A timeline as a story: transitions in lanes, each with its cause, without clocks, names, ids and addresses.

A lane is something whose transitions have an order: one container, one condition. Between two lanes there is none
(apps start side by side), except where the documentation promises one: the order in which a Pod initialises is a
lane of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from podvow.compare.published import published
from podvow.inputs import clipped
from podvow.timeline import Instant, Run, Source, Timeline
from podvow.timeline.lives import Life, lives
from podvow.timeline.record import Kind, Record

STARTING = "order of starting"
"""Subject of the lane in which a Pod's containers start one after another."""
APPS = "app containers started"
REQUESTS = "answers to requests"
DRIVER = "podvow"
_STOPPED = frozenset({137, 143})
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COARSE_NS = 1_000_000_000
_TEMPLATE_HASH = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{6,10}-$")
"""What the Deployment controller puts between its name and that of a Pod."""


class Trust(IntEnum):
    """What the transitions of a lane rest on."""

    WITNESSED = 0
    STATUS = 1


@dataclass(frozen=True, slots=True)
class Transition:
    """One thing that happened.

    Attributes:
        what: what happened, the same for every cluster and every run.
        shown: the same as a reader calls it, with the number of the run.
        section: 0 before the first fault, n after the n-th cause.
        at_s: seconds since that cause.
        at_ns: nanoseconds since the epoch.
    """

    what: str
    shown: str
    section: int
    at_s: float
    at_ns: int


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of the timeline that follows one cause.

    Attributes:
        cause: `the start`, or the fault (or its undoing).
        begin_ns: when the cause took place, nanoseconds since the epoch.
        length_s: until the next cause, or the end of the evidence, in seconds.
        gap: whether a source was not observing in it.
    """

    cause: str
    begin_ns: int
    length_s: float
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """Transitions of one subject in their order."""

    subject: str
    trust: Trust
    transitions: tuple[Transition, ...]


@dataclass(frozen=True)
class PodStory:
    """The lanes of one Pod.

    Attributes:
        born: when the watch showed it first, as a transition.
        lanes: by subject.
    """

    born: Transition
    lanes: Mapping[str, Lane]


@dataclass(frozen=True)
class Story:
    """A whole timeline.

    Attributes:
        sections: the causes, in order.
        pods: the Pods by what they are Pods of (a name of their own, or the workload), in the order of their birth.
        lanes: what is about no Pod, by subject.
        end_ns: the end of the evidence.
    """

    sections: tuple[Section, ...]
    pods: Mapping[str, tuple[PodStory, ...]]
    lanes: Mapping[str, Lane]


class Teller:
    """Gives every moment its cause."""

    def __init__(self, timeline: Timeline) -> None:
        causes = [("the start", timeline.start_ns)]
        marks = [(f"fault {n} ({m.name})", m.begin.t_ns) for n, m in enumerate(timeline.faults, start=1)]
        marks += [("the undoing of the fault", r.t_ns) for r in timeline.of(Kind.UNDONE)]
        causes += sorted(marks, key=lambda mark: mark[1])
        ends = [begin for _, begin in causes[1:]] + [timeline.end_ns]
        self.sections = tuple(
            Section(cause, begin, max(0.0, (end - begin) / 1e9), gap=_gap(timeline, begin, end))
            for (cause, begin), end in zip(causes, ends, strict=True)
        )

    def tell(self, what: str, shown: str, t_ns: int) -> Transition:
        """Return a transition with its cause.

        Args:
            what: what happened.
            shown: how a reader calls it.
            t_ns: when, nanoseconds since the epoch.
        """
        section = max((n for n, s in enumerate(self.sections) if s.begin_ns <= t_ns), default=0)
        return Transition(what, shown, section, (t_ns - self.sections[section].begin_ns) / 1e9, t_ns)


def _gap(timeline: Timeline, begin_ns: int, end_ns: int) -> bool:
    return any(
        g.source is not Source.EVENTS and g.from_ns <= end_ns and g.until_ns >= begin_ns for g in timeline.gaps
    )


def story(timeline: Timeline, case: str = "") -> Story:
    """Return the story of a timeline.

    Args:
        timeline: evidence of one scenario.
        case: of a table of requests, the one that the scenario judged; empty for all of them.
    """
    teller = Teller(timeline)
    pods: defaultdict[str, list[PodStory]] = defaultdict(list)
    known = list(lives(timeline))
    for life in known:
        # Alone under its name it may have records under another UID: those of a static Pod.
        alone = sum(other.pod == life.pod for other in known) == 1
        pods[_group(timeline, life)].append(_pod(timeline if alone else life.view(timeline), life, teller))
    lanes = [*_objects(timeline, teller), *_requests(timeline, teller, case), _driver(timeline, teller)]
    return Story(
        teller.sections,
        {group: tuple(stories) for group, stories in pods.items()},
        {lane.subject: lane for lane in lanes if lane.transitions},
    )


def _group(timeline: Timeline, life: Life) -> str:
    shot = next(s for s in timeline.snapshots(life.pod) if s.record.uid == life.uid)
    stem = str(shot.object["metadata"].get("generateName") or "")
    return _TEMPLATE_HASH.sub("", stem).rstrip("-") or life.pod


def _pod(view: Timeline, life: Life, teller: Teller) -> PodStory:
    spec = view.spec(life.pod)
    names = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    order = [str(c["name"]) for c in names]
    order += [r.container for r in view.of(Kind.CONTAINER_STARTED, Kind.STARTED, pod=life.pod)]
    runs = {name: view.runs(name, life.pod) for name in dict.fromkeys(order)}
    lanes = [Lane(name, Trust.WITNESSED, _container(mine, teller)) for name, mine in runs.items()]
    lanes.append(Lane(STARTING, Trust.WITNESSED, _starting(view, life.pod, runs, teller)))
    lanes.append(Lane("sandbox", Trust.WITNESSED, _sandboxes(view, life.pod, teller)))
    lanes += [
        Lane(subject, Trust.STATUS, tuple(teller.tell(what, what, t_ns) for what, t_ns in told))
        for subject, told in published(view.snapshots(life.pod)).items()
    ]
    born = teller.tell("Pod seen", "Pod seen", life.born_ns)
    return PodStory(born, {lane.subject: lane for lane in lanes if lane.transitions})


def _moment(instant: Instant) -> int:
    """Return when something happened at the latest, where its clock has whole seconds only."""
    return instant.t_ns + (instant.precision_ns if instant.precision_ns >= _COARSE_NS else 0)


def _container(runs: Iterable[Run], teller: Teller) -> tuple[Transition, ...]:
    return tuple(transition for run in runs for transition in _run(run, teller))


def _run(run: Run, teller: Teller) -> Iterator[Transition]:
    if run.start:
        yield teller.tell(f"{run.container} started", f"{run.label} started", _moment(run.start))
    if run.exit:
        code = "" if run.code is None else f" {run.code}"
        # Which signal ended a container that is being stopped is a race: its grace period against its own handler.
        same = " by a signal" if run.code in _STOPPED else code
        yield teller.tell(f"{run.container} exited{same}", f"{run.label} exited{code}", _moment(run.exit))


def _starting(
    view: Timeline, pod: str, runs: Mapping[str, tuple[Run, ...]], teller: Teller
) -> tuple[Transition, ...]:
    """Return what a Pod does step by step: inits start and end, sidecars start, then the apps in any order."""
    inits, sidecars, apps = view.inits(pod), view.sidecars(pod), view.apps(pod)
    if not inits and not sidecars:
        return ()
    known = [run for mine in runs.values() for run in mine]
    instants = [i for run in known for i in (run.start, run.exit) if i]
    if any(i.precision_ns >= _COARSE_NS for i in instants):
        return ()  # whole seconds do not tell the order
    told: list[tuple[int, str, str]] = []
    up: set[tuple[str, str]] = set()
    for run in known:
        if run.container in inits:
            told += [(t.at_ns, t.what, t.shown) for t in _run(run, teller)]
        elif run.start and run.container in sidecars and (run.container, run.sandbox_id) not in up:
            # Once it is up in a sandbox, a sidecar starts again whenever it must, beside whatever runs.
            up.add((run.container, run.sandbox_id))
            told.append((run.start.t_ns, f"{run.container} started", f"{run.label} started"))
        elif run.start and run.container in apps:
            told.append((run.start.t_ns, APPS, f"app containers started, first {run.label}"))
    chain: list[Transition] = []
    for t_ns, what, shown in sorted(told):
        if not chain or what != chain[-1].what:
            chain.append(teller.tell(what, shown, t_ns))
    return tuple(chain)


def _sandboxes(view: Timeline, pod: str, teller: Teller) -> tuple[Transition, ...]:
    told: list[Transition] = []
    for n, sandbox in enumerate(view.sandboxes(pod), start=1):
        told.append(teller.tell("sandbox started", f"sandbox #{n} started", sandbox.start.t_ns))
        if sandbox.exit:
            told.append(teller.tell("sandbox ended", f"sandbox #{n} ended", sandbox.exit.t_ns))
    return tuple(sorted(told, key=lambda t: t.at_ns))


def _objects(timeline: Timeline, teller: Teller) -> Iterator[Lane]:
    """Yield the conditions of objects that are no Pods."""
    found: defaultdict[str, list[Transition]] = defaultdict(list)
    for record in timeline.of(Kind.OBJECT):
        raw = record.data["object"]
        for condition in (raw.get("status") or {}).get("conditions") or ():
            what = f"{condition.get('status', '')} {condition.get('reason', '')}".strip()
            told = found[f"condition {condition['type']} of {raw['kind']} {raw['metadata'].get('name', '')}"]
            if not told or told[-1].what != what:
                told.append(teller.tell(what, what, record.t_ns))
    for subject, told in found.items():
        yield Lane(subject, Trust.STATUS, tuple(told))


def _requests(timeline: Timeline, teller: Teller, case: str) -> Iterator[Lane]:
    for record in timeline.of(Kind.ANSWERED):
        name = str(record.data["case"])
        if not case or name.partition("/")[2] == case:
            causes = [f"{c.get('field', '')}: {c.get('message', '')}" for c in record.data.get("causes") or ()]
            what = _UID.sub("…", ", ".join((f"answered {record.data['status']}", *sorted(causes))))
            yield Lane(f"{REQUESTS}: {name}", Trust.WITNESSED, (teller.tell(what, clipped(what), record.t_ns),))


def _driver(timeline: Timeline, teller: Teller) -> Lane:
    """Return what podvow did and waited for; one process, hence one order."""
    # A fault is what follows the cause before it; only what comes after it has the fault as its cause.
    told = [(_did(r), r.t_ns - (r.kind is Kind.FAULT)) for r in timeline.of(*_DRIVEN)]
    return Lane(DRIVER, Trust.WITNESSED, tuple(teller.tell(what, what, t_ns) for what, t_ns in told))


_DRIVEN = (Kind.REJECTED, Kind.REACHED, Kind.MISSED, Kind.FAULT, Kind.FAULT_DONE, Kind.FAULT_FAILED, Kind.LOST)


def _did(record: Record) -> str:
    data = record.data
    match record.kind:
        case Kind.REJECTED:
            return f"refused with {data.get('status', '')}"
        case Kind.REACHED:
            return f"reached: {data.get('condition', '')}"
        case Kind.MISSED:
            return f"not reached: {data['condition']}"
        case Kind.FAULT:
            return f"fault {data['name']}"
        case Kind.FAULT_DONE:
            return "fault took place"
        case Kind.FAULT_FAILED:
            return "fault failed"
        case _:
            return "the cluster was lost"
