"""The shape of the table of expectations: for each one, evidence that it accepts, rejects, and leaves open."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podvow.expect import Fact
from podvow.timeline import Timeline
from tests.offline.expect.builder import PodLife, Story

Example = tuple[Fact, Timeline]


@dataclass(frozen=True)
class Case:
    """Examples of one expectation.

    Attributes:
        accept: it holds on these.
        reject: it is violated on these.
        open: it is inconclusive on these.
    """

    accept: Sequence[Example]
    reject: Sequence[Example]
    open: Sequence[Example] = field(default_factory=tuple)


Cases = Mapping[str, Case]


def steady(**options: Any) -> tuple[Story, PodLife]:
    """Tell of a Pod that came up as it should."""
    story = Story()
    pod = story.pod(**options)
    pod.initialise()
    story.reach("app running", control=False)
    return story, pod


def patched(container: str = "init-1") -> tuple[Story, PodLife]:
    """Tell of a Pod that came up, and of an image that was changed then."""
    story, pod = steady()
    story.fault("set_image", f"{container} → green")
    pod.patch_image(container)
    return story, pod


def quiet(story: Story) -> Timeline:
    """End a story with a positive control and a window."""
    return story.reach("new generation observed").hold().timeline()


def lost_sandbox(inits: Sequence[str] = ("init-1", "init-2")) -> tuple[Story, PodLife]:
    """Tell of a Pod whose sandbox was lost and whose inits had then to run again."""
    story, pod = steady(inits=inits)
    story.fault("kill_pause")
    pod.lose_sandbox()
    return story, pod


def reinitialised(inits: Sequence[str] = ("init-1", "init-2")) -> Timeline:
    """Tell of a sandbox loss with the right reaction."""
    story, pod = lost_sandbox(inits)
    pod.initialise()
    return story.reach().timeline()


def coverage_table(cases: Cases, standing: Collection[str] = ()) -> str:
    """Return which expectations have how many examples of each outcome, as text."""
    width = max(len(name) for name in cases)
    lines = [f"{'expectation':<{width}}  accepts  rejects  leaves open"]
    for name in sorted(cases, key=lambda n: (n in standing, n)):
        case = cases[name]
        mark = "  (standing)" if name in standing else ""
        lines.append(f"{name:<{width}}  {len(case.accept):>7}  {len(case.reject):>7}  {len(case.open):>11}{mark}")
    return "\n".join(lines)
