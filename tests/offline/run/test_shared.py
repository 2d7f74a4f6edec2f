from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from podvow import pytest_plugin
from podvow.scenario.driver import Planned
from podvow.scenario.model import Scenario
from podvow.session import Session


def _item(name: str, scenario: Scenario) -> Any:
    mark = SimpleNamespace(args=(scenario,))
    found = {"nodeid": name, "name": f"test_{name}", "path": Path("suites/order/test_x.py")}
    return SimpleNamespace(**found, callspec=None, get_closest_marker=lambda _: mark)


def test_equal_scenarios_share_a_recording_and_a_static_pod_is_not_one_made_by_the_api(tmp_path: Path) -> None:
    shared: dict[str, Planned] = {}

    def plan(name: str, scenario: Scenario) -> str:
        return pytest_plugin._plan(cast("Any", _item(name, scenario)), Session("r1", tmp_path), shared).id

    api = Scenario(pod="crashing-app")
    assert plan("one", api) == plan("two", api) == "order.one"
    assert plan("three", Scenario(pod="crashing-app", static=True)) == "order.three"
