from __future__ import annotations

import pytest

from podvow.cluster import precedence
from tests.offline.cluster.fakes import FakeAccess, FakeRun


def test_control_planes_and_kubelets_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeRun({"docker update": ""})
    monkeypatch.setattr(precedence, "run", engine)
    access = FakeAccess()
    precedence.grant(access, ["control"], ["control", "worker"])
    assert engine.asked == ["docker update --cpu-shares=8192 control"]
    assert sorted(access.asked) == sorted(
        (node, f"systemctl set-property {unit} CPUWeight={weight}")
        for node in ("control", "worker")
        for unit, weight in (("kubelet.service", 1000), ("kubelet.slice", 400))
    )
