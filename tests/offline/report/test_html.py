"""index.html: one file that needs nothing else."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from podvow.report.gather import gather
from podvow.report.html import to_html
from podvow.report.model import ClaimInfo, RunInfo, SeedSentence
from podvow.report.write import write_all
from podvow.timeline import Source, save
from podvow.timeline.record import Kind
from podvow.verdict import Judged, Verdict
from tests.offline.report import build

LOADS = {"src", "srcset", "data", "poster", "background", "xlink:href", "action"}
VOID = {"meta", "br", "input", "link", "hr", "img"}


class Page(HTMLParser):
    """Collects what a page loads, links to and contains; checks that its tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.rows: list[dict[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.loads += [str(v) for k, v in attrs if k in LOADS]
        if tag in {"link", "img", "iframe", "object", "embed", "audio", "video", "base"}:
            self.loads.append(tag)
        if tag == "a":
            self.links.append(str(named.get("href")))
        self.ids += [str(named["id"])] if "id" in named else []
        if "data-v" in named:
            self.rows.append({"tag": tag, **named})
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [str(v) for k, v in attrs if k == "id"]
        assert tag in {"rect", "line", "path"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text(written: Path) -> str:
    return (written / "index.html").read_text()


def test_it_loads_nothing_from_anywhere(text: str) -> None:
    page = Page(text)
    assert page.loads == []
    assert page.open == []
    style = text[text.index("<style>") : text.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style
    assert "fetch(" not in text


def test_every_inner_link_leads_somewhere_and_no_id_is_used_twice(text: str) -> None:
    page = Page(text)
    inner = {link[1:] for link in page.links if link.startswith("#")}
    assert inner
    assert inner <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_every_verdict_can_be_filtered(text: str) -> None:
    shown = {str(row["data-v"]) for row in Page(text).rows}
    assert shown == {
        "holds", "violated", "inconclusive", "not-injected", "not-applicable", "refuted", "conflict", "not-judged",
    }  # fmt: skip


def test_violated_scenarios_come_first_and_are_open(text: str) -> None:
    scenarios = [row for row in Page(text).rows if row["tag"] == "details"]
    assert scenarios[0]["data-v"] == "violated"
    assert "open" in scenarios[0]
    assert len(scenarios) == 9


def test_seed_sentences_lead_to_claims_and_verdicts(text: str) -> None:
    coverage = text[text.index("Coverage of the seed") : text.index("Coverage of the catalogue")]
    assert "updated the init container runs again" in coverage
    assert "refuted" in coverage
    assert "no promise in it" in coverage


def test_replay_is_told(text: str) -> None:
    assert "podvow replay" in text


def test_texts_are_escaped() -> None:
    bad = "<script>alert(1)</script>"
    judged = Judged(bad, bad, (bad,), Verdict.VIOLATED, message=bad, reason=bad)
    report = gather(Path(), RunInfo(bad, extra={bad: bad}), [judged], [ClaimInfo(bad, statement=bad)], [
        SeedSentence(1, bad, (bad,), bad),
    ], read=False)  # fmt: skip
    assert to_html(report).count("<script>") == 1


def test_a_source_that_is_no_page_is_no_link() -> None:
    claim = ClaimInfo("a.b.c", sources=("javascript:alert(1)", "seed:3", "tasks/x#y"))
    page = Page(to_html(gather(Path(), RunInfo("r"), [], [claim], [], read=False)))
    assert [link for link in page.links if ":" in link] == ["https://kubernetes.io/docs/tasks/x#y"]


def test_an_empty_run_is_written(tmp_path: Path) -> None:
    write_all(tmp_path, RunInfo("r"), [], [], [])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"results.json", "junit.xml", "summary.md", "index.html", "allure"}


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    judged = build.run_folder(tmp_path)
    seen = []
    for _ in range(2):
        write_all(tmp_path, build.RUN, judged, build.CLAIMS, build.SEED)
        seen.append({p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()})
    assert seen[0] == seen[1]


def test_odd_evidence_costs_its_drawing_only(tmp_path: Path) -> None:
    cluster = build.started("a.b")
    cluster.add(1, Source.RUNTIME, Kind.CONTAINER_EXITED, "app-a", code="no number")
    save(cluster.timeline(), tmp_path / "e.jsonl")
    write_all(tmp_path, build.RUN, [Judged("a.b", "t", (), Verdict.VIOLATED, evidence="e.jsonl")], [], [])
    assert "could not be made from this evidence" in (tmp_path / "index.html").read_text()
    assert len(list((tmp_path / "allure").glob("*-result.json"))) == 1
