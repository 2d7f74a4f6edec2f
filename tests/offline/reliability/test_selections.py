"""Nothing that outlives podvow is left out of what `make reliability` kills."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import podvow.faults
from podvow import pytest_plugin, selection
from podvow.faults.base import Fault, Lasting, PodFault, PodFaultFromNode, reaches_node
from podvow.faults.journalled import Journalled
from podvow.faults.workloads import OnNewestPod
from podvow.scenario.model import Scenario
from podvow.selection import collect
from podvow.session import Selection
from tests.reliability import table
from tests.reliability.commands import SUITE
from tests.reliability.play import spread, work
from tests.reliability.points import Point, alone, listed, points, selections
from tests.reliability.trial import ALONE, RECOVER, RECOVER_KILLED, Trial

SELECTIONS = selections()


@pytest.fixture(scope="module")
def scenarios() -> Iterator[dict[str, tuple[Scenario, ...]]]:
    """The scenarios of each selection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "SUITES", SUITE)
        patch.setattr(pytest_plugin, "SUITES", SUITE)
        yield {name: collect(Selection(keyword=_keyword(name))).scenarios for name in SELECTIONS}


def _keyword(name: str) -> str:
    options = SELECTIONS[name].options
    return options[options.index("-k") + 1]


def _kinds() -> set[type]:
    """All classes of faults, but for what only is a common part of some or wraps others."""
    found = set()
    for module in pkgutil.iter_modules(podvow.faults.__path__):
        for _, kind in inspect.getmembers(importlib.import_module(f"podvow.faults.{module.name}"), inspect.isclass):
            own = kind.__module__.startswith("podvow.faults") and hasattr(kind, "inject")
            if own and not getattr(kind, "_is_protocol", False) and not kind.__name__.startswith("_"):
                found.add(kind)
    return found - {Journalled, PodFault, PodFaultFromNode}


def _units(faults: list[Fault]) -> set[str]:
    return {fault.name for fault in faults if reaches_node(fault) or isinstance(fault, Lasting)}


def test_every_kind_of_fault_is_in_a_selection(scenarios: dict[str, tuple[Scenario, ...]]) -> None:
    faults = [fault for each in scenarios.values() for scenario in each for fault in scenario.faults]
    used = {type(fault) for fault in (*faults, *(f.fault for f in faults if isinstance(f, OnNewestPod)))}
    assert {kind.__name__ for kind in _kinds() - used} == set()


def test_every_fault_of_a_node_that_a_suite_injects_is_in_a_selection(
    scenarios: dict[str, tuple[Scenario, ...]],
) -> None:
    wanted = [fault for scenario in collect(profile="nightly").scenarios for fault in scenario.faults]
    killed = [fault for each in scenarios.values() for scenario in each for fault in scenario.faults]
    assert _units(wanted) - _units(killed) == set()
    assert any(scenario.static for each in scenarios.values() for scenario in each)


def test_a_selection_needs_a_worker_exactly_if_a_fault_of_it_disturbs_a_node(
    scenarios: dict[str, tuple[Scenario, ...]],
) -> None:
    for name, each in scenarios.items():
        assert SELECTIONS[name].worker is any(scenario.node_faults for scenario in each), name


def test_what_lasts_on_a_node_is_left_to_its_timer_or_to_the_watchdog_too(
    scenarios: dict[str, tuple[Scenario, ...]],
) -> None:
    for name, each in scenarios.items():
        lasts = any(s.static or any(isinstance(f, Lasting) for f in s.faults) for s in each)
        assert bool(SELECTIONS[name].alone) is lasts or name == "orphan", name


PASSED = [(1, "before"), (1, "after"), (2, "before"), (2, "midway"), (2, "after"), (2, "undoing"), (2, "undone")]
WHAT = {1: "namespace", 2: "kubelet_stop"}


def test_points_are_read_as_a_run_listed_them(tmp_path: Path) -> None:
    listing = tmp_path / "points"
    assert listed(listing) == []
    listing.write_text("1:before\n1:after\n2:before\n1:after\n")
    assert listed(listing) == [(1, "before"), (1, "after"), (2, "before")]


def test_each_point_is_tried_and_each_way_of_dying_is_used() -> None:
    found = points(SELECTIONS["units"], PASSED, WHAT)
    assert [(p.number, p.moment) for p in found] == PASSED
    assert {p.way for p in found} == {"SIGKILL", "SIGTERM", "SIGINT2", "SIGHUP"}
    assert {p.way for p in points(SELECTIONS["orphan"], PASSED, WHAT)} == {"PARENT"}


def test_a_node_is_left_alone_where_something_is_to_be_healed() -> None:
    assert [p.moment for p in alone(SELECTIONS["units"], PASSED, WHAT)] == ["after"]
    assert [p.moment for p in alone(SELECTIONS["machine"], PASSED, WHAT)] == ["before", "midway"]
    assert not list(alone(SELECTIONS["objects"], PASSED, WHAT))


def test_recover_is_killed_where_most_is_to_be_undone() -> None:
    last, how = work(SELECTIONS["units"], PASSED, WHAT)[-1]
    assert (last.number, last.moment, how) == (2, "after", RECOVER_KILLED)
    assert len(spread(work(SELECTIONS["units"], PASSED, WHAT), 3)) == 3


def test_the_table_counts_points_once_and_names_leaks(tmp_path: Path) -> None:
    point = Point("units", 2, "kubelet_stop", "after", "SIGKILL")
    trials = [
        Trial(point, RECOVER, struck=True, recovers=[0], recover_s=2.0),
        Trial(point, ALONE, struck=True, recovers=[0], healed_s=4.0, leaks=["node x: off"]),
        Trial(point, RECOVER_KILLED, struck=False, recovers=[-9, -9, 0]),
    ]
    rows = table.table(trials, SELECTIONS)
    faults = SELECTIONS["units"].faults
    assert rows[2] == f"| {faults} | 1 | 3 | 1 | 2 | 1 | 1 | 2.0 s, 2.0 s |"
    assert rows[-1].startswith("| **all** | 1 | 3 |")
    assert "3 runs killed at 1 fault points (3 SIGKILL): 1 leaks, 1 not reached." in table.summary(trials, 0)
    assert "7 trials were not played." in table.summary(trials, 7)
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- kill points: begin -->\nold\n<!-- kill points: end -->\nb\n")
    table.publish("new", page)
    assert page.read_text() == "a\n<!-- kill points: begin -->\nnew\n<!-- kill points: end -->\nb\n"
