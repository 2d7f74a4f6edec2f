from __future__ import annotations

from podvow.faults.gates import open_gates
from podvow.timeline.record import Kind, Record, Source
from podvow.timeline.timeline import FaultMark, Meta, Timeline


def _shown(*gates: str) -> Timeline:
    spec = {"schedulingGates": [{"name": gate} for gate in gates]} if gates else {}
    raw = {"metadata": {"name": "p", "uid": "u"}, "spec": spec}
    record = Record(2, 0, 1, Source.STATUS, Kind.SNAPSHOT, pod="p", uid="u", data={"object": raw})
    return Timeline(Meta(scenario="s", test="t", pod="p", run="r", sources=["status"]), [record])


def test_open_gates_are_proven_by_a_pod_without_gates() -> None:
    begin = Record(1, 0, 1, Source.HARNESS, Kind.FAULT, data={"facts": {"pod": "p"}})
    mark = FaultMark(0, "open_gates", "", begin, None)
    assert open_gates().observed(_shown(), mark)
    assert not open_gates().observed(_shown("podvow.dev/not-yet"), mark)
