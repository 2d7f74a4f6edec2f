from __future__ import annotations

import pytest
import yaml

from podvow.cluster.profile import NodeProfile
from podvow.errors import UsageError
from podvow.profiles import PROFILES, RunProfile, profile_named

SHORT = NodeProfile("short", "v1.37.2", backoff_initial_s=1.0, backoff_max_s=1.0)
PLAIN = NodeProfile("plain", "v1.37.2")


@pytest.mark.parametrize(
    ("profile", "fits", "not_fit", "why"),
    [
        ("fast", [SHORT], [SHORT, PLAIN], "back-off of plain goes up to 300 s, which is longer than 10 s"),
        (
            "default",
            [PLAIN],
            [PLAIN, SHORT],
            "of short goes up to 1 s, which was cut to no more than 10 s",
        ),
        ("nightly", [PLAIN], [SHORT], "back-off of short goes up to 1 s"),
    ],
)
def test_verdicts_of_a_shortened_back_off_are_never_mixed_with_others(
    profile: str, fits: list[NodeProfile], not_fit: list[NodeProfile], why: str
) -> None:
    assert not profile_named(profile).misfit(fits)
    assert why in profile_named(profile).misfit(not_fit)


def test_the_nightly_profile_watches_longer_than_a_full_resync() -> None:
    quiet = {name: PLAIN.windows(quiet_s=profile.quiet_s).quiet for name, profile in PROFILES.items()}
    assert quiet["fast"] < 30 <= quiet["default"] < 60 < quiet["nightly"]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_the_cluster_of_a_profile_is_made_the_way_it_wants(profile: RunProfile) -> None:
    config = profile.kind_config.read_text(encoding="utf-8")
    assert yaml.safe_load(config)["kind"] == "Cluster"
    assert ("maxContainerRestartPeriod: 1s" in config) is profile.short_backoff


def test_an_unknown_profile_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="unknown profile 'slow'") as caught:
        profile_named("slow")
    assert all(name in caught.value.hint for name in PROFILES)
