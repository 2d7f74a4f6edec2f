"""Facts about what probes found: answers of the cluster that no source streams (a log, a cgroup's limit)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from podvow.expect.base import Fact, Found, MissingError, holds, violated
from podvow.expect.evidence import at
from podvow.timeline import Record, Timeline
from podvow.timeline.record import Kind


def answer_of(timeline: Timeline, probe: str, nth: int) -> Record:
    """Return the n-th answer of a probe (-1: the last).

    Raises:
        MissingError: it did not answer, or could not look.
    """
    answers = [r for r in timeline.of(Kind.PROBED) if r.data["probe"] == probe]
    if not -len(answers) <= nth < len(answers):
        raise MissingError(f"the probe {probe!r} did not answer")
    answer = answers[nth]
    if "error" in answer.data:
        raise MissingError(f"the probe {probe!r} could not look: {answer.data['error']}")
    return answer


def _field(facts: Any, path: str) -> Any:
    for key in path.split("/"):
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    return facts


def _asked(probe: str, path: str, nth: int, told: Callable[[Any], Found]) -> Callable[[Timeline], Found]:
    """Return what judges the field of a probe's answer; the finding is told with the moment of the answer."""

    def find(timeline: Timeline) -> Found:
        answer = answer_of(timeline, probe, nth)
        found = told(_field(answer.data["facts"], path))
        return Found(found.outcome, f"{found.detail} at {at(timeline, answer.t_ns)}", (answer.t_ns,))

    return find


def probed(probe: str, path: str, value: Any, *, nth: int = -1) -> Fact:
    """A probe found this value.

    Args:
        probe: name of the probe.
        path: field of what it found, keys separated by slashes.
        value: what must stand there.
        nth: which of its answers counts, the last one by default.
    """

    def told(found: Any) -> Found:
        return holds(repr(found)) if found == value else violated(f"{path} was {found!r}")

    return Fact(f"{probe}: {path} was {value!r}", "probed", _asked(probe, path, nth, told))


def probe_contained(probe: str, path: str, text: str, *, nth: int = -1) -> Fact:
    """A probe found a text that contains another one.

    Args:
        probe: name of the probe.
        path: field of what it found, keys separated by slashes.
        text: what it must contain.
        nth: which of its answers counts, the last one by default.
    """

    def told(found: Any) -> Found:
        return holds("so it was") if text in str(found) else violated(f"{path} was {str(found)[:200]!r}")

    return Fact(f"{probe}: {path} contained {text!r}", "probe_contained", _asked(probe, path, nth, told))
