"""The crash-loop back-off of an init container: its whole curve, and what begins it anew (pod-lifecycle)."""

from __future__ import annotations

from podvow.expect import (
    FAULT,
    backed_off,
    gaps_followed_curve,
    generation_observed,
    kept_sandbox,
    kept_uid,
    never_ran,
    phase_stayed,
    ran,
    waited_with,
)
from podvow.faults import set_image
from podvow.marks import Trial, claim, scenario
from podvow.profiles import REAL_BACKOFF
from podvow.scenario.conditions import exited, runs

GREEN = "podvow/busybox:green"


@claim("failure.backoff.whole-curve")
@scenario(
    pod="failing-init",
    until=runs("init-2", 8),
    deadline_s=1200,
    typical_s=640,
    profiles=("nightly",),
)
def test_retries_of_an_init_container_back_off_up_to_five_minutes(timeline: Trial) -> None:
    timeline.must(
        gaps_followed_curve("init-2", nominal=(0, 10, 20, 40, 80, 160, 300)),
        # the kubelet looks at every Pod once in a minute or so: in minutes of waiting the status says it as well
        waited_with("init-2", "CrashLoopBackOff"),
        ran("init-1", times=1),
        never_ran("init-3", "app"),
        phase_stayed("Pending", after=None),
        kept_sandbox(after=None),
        kept_uid(after=None),
    )


@claim("failure.backoff.begins-anew-with-image")
@scenario(
    pod="failing-init",
    steady=runs("init-2", 3) & exited("init-2"),
    fault=set_image("init-2", GREEN),
    # at once with the new image, at once again, and after ten seconds: the new image's own curve
    until=runs("init-2", 6),
    typical_s=36,
    profiles=REAL_BACKOFF,
)
def test_a_new_image_that_fails_too_has_a_back_off_of_its_own(timeline: Trial) -> None:
    timeline.must(
        ran("init-2", times=3, after=FAULT),
        backed_off("init-2", 0, 10, after=FAULT),
        generation_observed(),
        ran("init-1", times=1),
        never_ran("init-3", "app"),
        kept_sandbox(after=None),
    )


@claim("failure.backoff.kept-when-another-image-changes")
@scenario(
    pod="failing-init",
    steady=runs("init-2", 3) & exited("init-2"),
    fault=set_image("app", GREEN),
    until=runs("init-2", 4),
    typical_s=38,
    profiles=REAL_BACKOFF,
)
def test_another_containers_new_image_does_not_shorten_the_back_off(timeline: Trial) -> None:
    timeline.must(
        backed_off("init-2", 0, 10, 20),
        generation_observed(),
        ran("init-1", times=1),
        never_ran("init-3", "app"),
        kept_sandbox(after=None),
    )
