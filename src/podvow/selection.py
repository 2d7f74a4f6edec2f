"""Which scenarios are meant: the suites collected without a cluster, before anything is made or touched."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import pytest

from podvow.claims import load_register
from podvow.errors import UsageError
from podvow.paths import ROOT, SUITES
from podvow.profiles import profile_named
from podvow.scenario.driver import Planned
from podvow.scenario.model import Scenario
from podvow.scenario.placing import Item
from podvow.session import Selection, passing_session

_NEAR = 0.5
WITHOUT = ("--assert=plain", "-p", "no:hypothesispytest", "-p", "no:timeout")
"""Suites have no bare asserts that pytest should rewrite. Where podvow is developed, the plug-ins for its own tests
are there too; the one of hypothesis imports all of it for its summary: half a second for nothing."""


@dataclass(frozen=True)
class Collected:
    """The tests that a selection matches; at least one.

    Attributes:
        items: the tests with their recordings and claims, in the driver's order.
        tests: their node ids.
    """

    items: tuple[Item, ...]
    tests: tuple[str, ...]

    @property
    def planned(self) -> tuple[Planned, ...]:
        """The recordings, each once: tests may share one."""
        return tuple({item.planned.key: item.planned for item in self.items}.values())

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What they do."""
        return tuple(planned.scenario for planned in self.planned)


def check_names(selection: Selection, profile: str) -> None:
    """Look up what a selection names.

    Raises:
        UsageError: there is no such claim, area or profile; what is nearest is named.
    """
    profile_named(profile)
    register = load_register(SUITES / "claims.yaml")
    for name in selection.claims:
        _known(name, [claim.id for claim in register.claims], f"no claim {name!r} in the register")
    for name in selection.areas:
        _known(name, [claim.area for claim in register.claims], f"no claim is of an area {name!r}")


def _known(name: str, known: Iterable[str], otherwise: str) -> None:
    names = sorted(set(known))
    if name in names:
        return
    near = get_close_matches(name, names, n=3, cutoff=_NEAR)
    told = f"did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(otherwise, hint=f"{told}`podvow claims` lists them")


class _Catcher:
    """Takes what pytest has collected."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Item]] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep the tests that are left."""
        from podvow.pytest_plugin import item_of  # noqa: PLC0415 - imported by pytest, rewritten, before

        self.found = [(item.nodeid, item_of(session.config, item)) for item in session.items]


def collect(selection: Selection | None = None, profile: str = "default") -> Collected:
    """Find the tests that a selection matches; touches no cluster and leaves no folder behind.

    Args:
        selection: what is asked for; everything by default.
        profile: name of the run profile.

    Raises:
        UsageError: something that is named is unknown, suites and register disagree, or nothing matches.
    """
    wanted = dataclasses.replace(selection or Selection(), processes=0)
    check_names(wanted, profile)
    catcher, said = _Catcher(), io.StringIO()
    with passing_session(profile=profile) as session:
        options = [str(SUITES), f"--rootdir={ROOT}", f"--podvow-session={session.save()}", "--collect-only", "-qq"]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = pytest.main([*options, *WITHOUT, *wanted.options()], plugins=[catcher])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        told = [line for line in said.getvalue().splitlines() if line.strip()]
        raise UsageError("\n".join(told).removeprefix("ERROR: ") or f"pytest ended with {code}")
    if not catcher.found:
        raise UsageError("the selection matches no scenario", hint="podvow run --collect-only lists them")
    return Collected(tuple(item for _, item in catcher.found), tuple(name for name, _ in catcher.found))
