"""Standing invariants: what must be true of every Pod in every scenario, judged on every observed transition.

Upstream's own init-container tests write such invariants down and never judge them. Ours are silent where the
evidence cannot tell: they say *violated* on proof only, so that a healthy cluster never raises an alarm, and a gap
in the evidence takes nothing away from a scenario whose own expectations hold. Whether the sources agree is no
invariant of the cluster (nobody knows which one is wrong): see agreement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

from podvow.expect.base import WITNESSES, Fact, Found, holds, seen_by, violated
from podvow.expect.evidence import at, begin_of, ended_before, is_timed, pods, spec_of
from podvow.expect.identity import generation_errors, identity_errors, phase_errors, snapshot_errors
from podvow.expect.trouble import Trouble
from podvow.timeline import Run, Source, Timeline
from podvow.timeline.record import Kind


@dataclass(frozen=True)
class _Life:
    """One Pod under one UID: its containers in spec order and their started runs."""

    timeline: Timeline
    pod: str
    uid: str
    inits: tuple[str, ...]
    apps: tuple[str, ...]

    def runs(self, container: str) -> list[Run]:
        """Return the started runs; with a witness connected only those that it timed: seconds are too coarse."""
        started = [r for r in self.timeline.runs(container, self.pod) if r.uid == self.uid and r.start is not None]
        coarse = not seen_by(self.timeline, *WITNESSES)
        return [r for r in started if coarse or is_timed(r)]

    def in_sandbox(self, sandbox: str, container: str) -> list[Run]:
        return [r for r in self.runs(container) if r.sandbox_id == sandbox]

    def whole_sandboxes(self) -> Iterator[tuple[str, int]]:
        """Yield the sandboxes of which the runtime saw everything up to some moment, with that moment."""
        for sandbox in self.timeline.sandboxes(self.pod):
            if sandbox.uid == self.uid:
                gaps = self.timeline.gaps_of(Source.RUNTIME, after_ns=sandbox.start.t_ns)
                yield sandbox.id, min((g.from_ns for g in gaps), default=self.timeline.end_ns)


def _surely_begun(run: Run, until_ns: int) -> bool:
    """Tell whether a run began before a moment for certain."""
    return run.start is not None and run.start.t_ns + run.start.precision_ns <= until_ns


def _lives(timeline: Timeline) -> Iterator[_Life]:
    names = dict.fromkeys((*pods(timeline), *(r.pod for r in timeline.records if r.pod)))
    for pod in names:
        for uid in dict.fromkeys(r.uid for r in timeline.of(pod=pod) if r.uid):
            spec = spec_of(timeline, pod, uid)
            inits = tuple(c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") != "Always")
            yield _Life(timeline, pod, uid, inits, tuple(c["name"] for c in spec.get("containers") or ()))


def _lacks_success(life: _Life, sandbox: str, init: str, run: Run) -> bool:
    """Tell whether it is proven that no run of the init in the sandbox had succeeded when `run` started."""
    for earlier in life.runs(init):
        if earlier.sandbox_id not in {sandbox, ""} or (earlier.code not in {0, None}):
            continue
        if (
            earlier.code is None
            and earlier.exit is None
            and earlier.sandbox_id
            and Source.RUNTIME in earlier.sources
        ):
            continue  # the runtime was looking and saw it go on
        if ended_before(life.timeline, earlier, run) is not False:
            return False
    return True


def _overlaps(life: _Life) -> Iterator[Trouble]:
    runs = sorted((run for init in life.inits for run in life.runs(init)), key=begin_of)
    for one, other in combinations(runs, 2):
        if one.sandbox_id != other.sandbox_id:
            continue
        apart = (ended_before(life.timeline, one, other), ended_before(life.timeline, other, one))
        if apart == (False, False):
            when = at(life.timeline, begin_of(other))
            yield Trouble(f"{other.label} started at {when} while {one.label} was running", begin_of(other))


def _init_order(life: _Life) -> Iterator[Trouble]:
    for sandbox, until_ns in life.whole_sandboxes():
        for position, init in enumerate(life.inits[1:]):
            before = life.inits[position]
            for run in life.in_sandbox(sandbox, init):
                if _surely_begun(run, until_ns) and _lacks_success(life, sandbox, before, run):
                    when = at(life.timeline, begin_of(run))
                    yield Trouble(f"{run.label} started at {when}, {before} had not succeeded", begin_of(run))


def _one_at_a_time(timeline: Timeline) -> Iterator[Trouble]:
    for life in _lives(timeline):
        yield from _overlaps(life)
        yield from _init_order(life)


def _apps_wait(timeline: Timeline) -> Iterator[Trouble]:
    for life in _lives(timeline):
        for sandbox, until_ns in life.whole_sandboxes():
            for app in life.apps:
                for run in life.in_sandbox(sandbox, app):
                    missing = [init for init in life.inits if _lacks_success(life, sandbox, init, run)]
                    if _surely_begun(run, until_ns) and missing:
                        when = at(timeline, begin_of(run))
                        yield Trouble(
                            f"{run.label} started at {when}, {missing[0]} had not succeeded", begin_of(run)
                        )


def _failed_blocks(timeline: Timeline) -> Iterator[Trouble]:
    for life in _lives(timeline):
        for position, init in enumerate(life.inits):
            runs = life.runs(init)
            later = [run for name in (*life.inits[position + 1 :], *life.apps) for run in life.runs(name)]
            for failed in (r for r in runs if r.code not in {0, None} and r.exit is not None):
                for run in later:
                    if ended_before(timeline, failed, run) and _never_healed(life, failed, runs, run):
                        when = at(timeline, begin_of(run))
                        told = f"{run.label} started at {when} although {failed.label} had exited {failed.code}"
                        yield Trouble(told, begin_of(run))


def _never_healed(life: _Life, failed: Run, runs: list[Run], started: Run) -> bool:
    """Tell whether it is proven that the init did not succeed between its failure and a later start."""
    observing = [s for s in (Source.TRACE, Source.RUNTIME) if life.timeline.has(s)]
    if life.timeline.gaps_of(*observing, after_ns=begin_of(failed), until_ns=begin_of(started)):
        return False
    for run in runs:
        if run.n > failed.n and run.code in {0, None} and ended_before(life.timeline, run, started) is not False:
            return False
    # a success before the failure allows the start of what already ran beside or after it
    return not any(
        run.n < failed.n and run.code == 0 and ended_before(life.timeline, failed, started) is not True
        for run in runs
    )


def _never_twice(timeline: Timeline) -> Iterator[Trouble]:
    for life in _lives(timeline):
        spec = spec_of(timeline, life.pod, life.uid)
        if spec.get("restartPolicy") != "Never" or _restarts_all(life):
            continue
        # without every state of the spec, an exception (a changed image, a rule of its own) could have been missed
        if not timeline.has(Source.STATUS) or timeline.gaps_of(Source.STATUS):
            continue
        for name in (*life.inits, *life.apps):
            if _has_own_policy(life, name) or _spec_changed(life, name):
                continue
            for sandbox, until_ns in life.whole_sandboxes():
                runs = life.in_sandbox(sandbox, name)
                for one, other in pairwise(runs):
                    if _surely_begun(other, until_ns) and not _record_removed(timeline, one, other):
                        when = at(timeline, begin_of(other))
                        yield Trouble(
                            f"{other.label} started at {when} in a Pod with policy Never", begin_of(other)
                        )


def _container_specs(life: _Life, name: str) -> list[dict[str, object]]:
    found = []
    for shot in life.timeline.snapshots(life.pod):
        spec = shot.object.get("spec") or {}
        if shot.uid == life.uid:
            both = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
            found += [c for c in both if c["name"] == name]
    return found


def _has_own_policy(life: _Life, name: str) -> bool:
    return any(c.get("restartPolicy") or c.get("restartPolicyRules") for c in _container_specs(life, name))


def _restarts_all(life: _Life) -> bool:
    names = (*life.inits, *life.apps, *life.timeline.sidecars(life.pod))
    return any(c.get("restartPolicyRules") for name in names for c in _container_specs(life, name))


def _spec_changed(life: _Life, name: str) -> bool:
    specs = _container_specs(life, name)
    return any(spec != specs[0] for spec in specs[1:])


def _record_removed(timeline: Timeline, one: Run, other: Run) -> bool:
    """Tell whether the runtime's record of the earlier run was gone when the later one began."""
    removed = timeline.of(Kind.CONTAINER_DELETED, until_ns=begin_of(other))
    return any(r.data.get("id") == one.container_id for r in removed)


def _standing(text: str, name: str, look: Callable[[Timeline], Iterator[Trouble]]) -> Fact:
    def find(timeline: Timeline) -> Found:
        troubles = list(look(timeline))
        if not troubles:
            return holds()
        told = "; ".join(t.detail for t in troubles[:3]) + (f"; {len(troubles) - 3} more" if troubles[3:] else "")
        return violated(told, *(t.t_ns for t in troubles))

    return Fact(text, name, find, standing=True)


STANDING: tuple[Fact, ...] = (
    _standing("init containers one at a time, in spec order", "inits_one_at_a_time", _one_at_a_time),
    _standing("no app started before every init had succeeded in its sandbox", "apps_waited_for_inits", _apps_wait),
    _standing("nothing started after a failed init before it had succeeded", "failed_init_blocked", _failed_blocks),
    _standing("no status showed what must not run together", "status_showed_order", snapshot_errors),
    _standing("UID, node and container names stayed", "identity_stayed", identity_errors),
    _standing("the terminal phase was final", "terminal_phase_was_final", phase_errors),
    _standing("policy Never: nothing ran twice in one sandbox", "never_ran_twice", _never_twice),
    _standing("generations never ran backwards", "generations_rose", generation_errors),
)
"""The invariants of every scenario, each a fact that a healthy cluster never violates."""
