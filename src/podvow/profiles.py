"""Run profiles: how long a run looks, on what kind of nodes. Data; a scenario names those that it is part of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from podvow.cluster.profile import NodeProfile
from podvow.errors import UsageError
from podvow.paths import FIXTURES


@dataclass(frozen=True, slots=True)
class RunProfile:
    """One way to run the suites.

    Attributes:
        name: what `--profile` takes.
        about: what it is for.
        quiet_s: how long is watched before it is said that something did not happen, in seconds.
        cluster: name of the kind cluster that it uses unless another one is named.
        config: file in `fixtures/kind/` that makes this cluster.
        short_backoff: whether the nodes must have a crash-loop back-off that was cut short
            (`crashLoopBackOff.maxContainerRestartPeriod`); verdicts of such nodes are never mixed with others.
    """

    name: str
    about: str
    quiet_s: float
    cluster: str
    config: str
    short_backoff: bool = False

    @property
    def kind_config(self) -> Path:
        """The kind configuration that makes a cluster for it."""
        return FIXTURES / "kind" / self.config

    def misfit(self, nodes: Iterable[NodeProfile]) -> str:
        """Return why its verdicts must not come from these nodes, empty when they may."""
        for node in nodes:
            if (node.backoff_max_s <= SHORT_BACKOFF_S) is not self.short_backoff:
                what = "is longer than" if self.short_backoff else "was cut to no more than"
                told = f"back-off of {node.name} goes up to {node.backoff_max_s:g} s"
                return f"profile {self.name}: the crash-loop {told}, which {what} {SHORT_BACKOFF_S:g} s"
        return ""


SHORT_BACKOFF_S = 10.0
"""Longest back-off, in seconds, that is called short: the default one starts with it."""

PROFILES = {
    profile.name: profile
    for profile in (
        RunProfile("fast", "crash loops go on after 1 s", 12.0, "podvow-fast", "fast.yaml", short_backoff=True),
        RunProfile("default", "every night and in continuous integration", 30.0, "podvow", "default.yaml"),
        RunProfile("nightly", "whole back-off curve, windows beyond a full resync", 75.0, "podvow", "default.yaml"),
    )
}

REAL_BACKOFF = tuple(profile.name for profile in PROFILES.values() if not profile.short_backoff)
"""The profiles of scenarios that judge the documented back-off itself."""


def profile_named(name: str) -> RunProfile:
    """Return a profile.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in PROFILES:
        near = "".join(f"did you mean {other}? " for other in get_close_matches(name, PROFILES, n=1))
        known = "; ".join(f"{p.name}: {p.about}" for p in PROFILES.values())
        raise UsageError(f"unknown profile {name!r}", hint=f"{near}{known}")
    return PROFILES[name]
