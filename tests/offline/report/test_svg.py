"""Drawn timelines."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.report.lanes import lanes
from podvow.report.scale import Scale
from podvow.report.svg import WIDTH, draw
from podvow.timeline import Meta, Record, Source, Timeline
from podvow.timeline.record import Kind
from tests.offline.report import build

NS = "{http://www.w3.org/2000/svg}"
MAKERS: list[Callable[[str], build.Cluster]] = [
    build.started, build.sandbox_loss, build.back_off, build.image_change, build.gapped, build.status_only,
]  # fmt: skip


def parse(timeline: Timeline, **options: Any) -> ET.Element:
    return ET.fromstring(draw(timeline, standalone=True, **options))  # noqa: S314 (we wrote it)


def rects(drawing: ET.Element, cls: str) -> list[ET.Element]:
    return [r for r in drawing.iter(f"{NS}rect") if cls in r.get("class", "").split()]


def texts(drawing: ET.Element) -> list[str]:
    return [t.text or "" for t in drawing.iter(f"{NS}text")]


def edges(rect: ET.Element) -> tuple[float, float]:
    x = float(rect.get("x", "0"))
    return x, x + float(rect.get("width", "0"))


def extent(text: ET.Element) -> tuple[float, float]:
    x, width = float(text.get("x", "0")), 6.6 * len(text.text or "")
    return (x - width, x) if text.get("text-anchor") == "end" else (x, x + width)


@pytest.mark.parametrize("make", MAKERS)
def test_every_shape_lies_on_the_paper(make: Callable[[str], build.Cluster]) -> None:
    for rect in parse(make("a.b").timeline()).iter(f"{NS}rect"):
        x0, x1 = edges(rect)
        assert -0.1 <= x0 < x1 <= WIDTH + 0.1


def test_bars_stand_in_the_order_of_the_runs() -> None:
    drawing = parse(build.started("a.b").timeline())
    init_1, init_2 = sorted(edges(r) for r in rects(drawing, "outline") if "ok" in r.get("class", ""))
    app = next(edges(r) for r in rects(drawing, "outline") if "running" in r.get("class", ""))
    assert init_1[1] < init_2[0]
    assert init_2[1] < app[0]


@pytest.mark.parametrize("first_s", [10.0, 39.0])
def test_the_names_of_faults_do_not_lie_on_each_other_nor_on_the_axis(first_s: float) -> None:
    cluster = build.started("a.b")
    for number, name in enumerate(["kubelet_stop", "kill_containers", "remove_records", "kubelet_start"]):
        cluster.fault(first_s + number * 0.3, name)
    drawing = parse(cluster.timeline())
    names = [t for t in drawing.iter(f"{NS}text") if "faultname" in t.get("class", "")]
    assert len(names) == 4
    for one, two in itertools.combinations(names, 2):
        (left, right), (begin, end) = sorted([extent(one), extent(two)])
        assert one.get("y") != two.get("y") or right < begin <= end, f"{one.text} and {two.text}"
        assert left < right
    axis = min(float(t.get("y", "0")) for t in drawing.iter(f"{NS}text") if "dim" in t.get("class", ""))
    assert max(float(t.get("y", "0")) for t in names) <= axis - 8, "small print is 8 high"


def test_lanes_follow_the_spec_with_roles() -> None:
    found = list(lanes(build.gapped("a.b").timeline()))
    assert [(lane.container, lane.role) for lane in found] == [
        ("init-1", "init"), ("init-2", "init"), ("proxy", "sidecar"), ("app-a", "app"),
    ]  # fmt: skip


def test_runs_of_a_sandbox_loss_carry_their_numbers_and_outcomes() -> None:
    timeline = build.sandbox_loss("a.b").timeline()
    told = {lane.container: [(b.run.n, b.outcome) for b in lane.bars] for lane in lanes(timeline)}
    assert told["init-1"] == [(1, "ok"), (2, "ok")]
    assert told["app-a"] == [(1, "killed"), (2, "running")]
    drawing = parse(timeline)
    assert {"#2", "#1 → 137", "kill_sandbox", "sandbox #1", "sandbox #2"} <= set(texts(drawing))
    assert len(rects(drawing, "box")) == 2
    assert len(rects(drawing, "hold")) == 1


def test_what_only_the_status_saw_is_told_apart() -> None:
    drawing = parse(build.status_only("a.b").timeline())
    assert len(rects(drawing, "unsure")) == 3
    assert "kill_container (failed)" in texts(drawing)


def test_long_waits_leave_short_runs_visible_and_are_marked() -> None:
    timeline = build.back_off("a.b").timeline()
    drawing = parse(timeline)
    assert all(edges(r)[1] - edges(r)[0] >= 4 for r in rects(drawing, "bad"))
    breaks = [p for p in drawing.iter(f"{NS}path") if p.get("class") == "break"]
    assert len(breaks) == 3


def test_gaps_are_hatched_and_offending_moments_marked() -> None:
    drawing = parse(build.gapped("a.b").timeline(), marks=[build.ns(4.9)], ident="q")
    assert sum(r.get("fill") == "url(#q-gap)" for r in drawing.iter(f"{NS}rect")) == 2
    assert any(p.get("class") == "mark" for p in drawing.iter(f"{NS}path"))


def test_names_cannot_break_out_of_the_drawing() -> None:
    timeline = build.started("a.b", inits=("<script>&",)).timeline()
    drawing = draw(timeline)
    assert "<script>" not in drawing
    assert "&lt;script&gt;&amp;" in drawing


@given(
    times=st.lists(st.integers(0, 10**13), min_size=1, max_size=30),
    probes=st.lists(st.integers(-(10**9), 10**13), min_size=2, max_size=10),
)
def test_the_axis_never_reorders_and_stays_on_paper(times: list[int], probes: list[int]) -> None:
    scale = Scale(times, 100.0, 900.0)
    places = [scale.x(t) for t in sorted(probes)]
    assert places == sorted(places)
    assert all(99.9 <= x <= 900.1 for x in places)
    ticks = [x for x, _ in scale.ticks()]
    assert all(b - a >= 60 for a, b in itertools.pairwise(ticks))
    assert len(ticks) <= 14


NAME = st.sampled_from(["init-1", "app-a", 'odd<&"name', ""])
STATE = st.sampled_from([{"running": {}}, {"waiting": {"reason": "X\x00"}}, {"terminated": {"exitCode": 3}}, {}])


@st.composite
def snapshot(draw_: st.DrawFn) -> dict[str, Any]:
    def status() -> dict[str, Any]:
        return {"name": draw_(NAME), "state": draw_(STATE), "containerID": draw_(st.sampled_from(["", "c://1"]))}

    return {
        "metadata": {"name": "p", "uid": "u"},
        "spec": {"initContainers": [{"name": "init-1"}], "containers": [{"name": "app-a"}]},
        "status": {"initContainerStatuses": [status()], "containerStatuses": [status()]},
    }


@st.composite
def record(draw_: st.DrawFn) -> Record:
    kind = draw_(st.sampled_from(Kind))
    source = draw_(st.sampled_from(Source))
    data: dict[str, Any] = {
        "n": draw_(st.integers(1, 3)), "code": draw_(st.integers(-1, 255)),
        "id": draw_(st.sampled_from(["1", "2"])),
        "sandbox": "s", "object": draw_(snapshot()), "index": draw_(st.integers(0, 2)), "name": draw_(st.text()),
        "of": draw_(st.sampled_from(Source)), "until_ns": draw_(st.integers(0, 10**10)), "window": "quiet",
    }  # fmt: skip
    about = source is not Source.HARNESS
    return Record(
        draw_(st.integers(0, 10**10)), draw_(st.sampled_from([0, 10**7])), draw_(st.integers(0, 99)), source, kind,
        pod=draw_(st.sampled_from(["p", "q"])) if about else "", uid="u" if about else "",
        container=draw_(NAME) if source in {Source.TRACE, Source.RUNTIME} else "", data=data,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(records=st.lists(record(), max_size=25))
def test_any_timeline_can_be_drawn(records: list[Record]) -> None:
    timeline = Timeline(Meta("a.b", pod="p", sources=tuple(Source)), records)
    for standalone in (True, False):
        ET.fromstring(draw(timeline, marks=[r.t_ns for r in records], standalone=standalone))  # noqa: S314
