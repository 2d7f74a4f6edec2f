"""Allure results: one test per verdict, its phases as steps with real times, its evidence as attachments."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import attr
from allure_commons.model2 import Attachment, Label, Link, Parameter, Status, StatusDetails, TestResult

from podvow.paths import REPORTS
from podvow.report import allure_about, attach, redact, svg
from podvow.report.gather import Entry, Report
from podvow.report.model import CONFLICT, REFUTED, source_url
from podvow.report.phases import OUTCOMES, steps
from podvow.timeline import Source
from podvow.timeline.render import render_text
from podvow.verdict import Verdict

CONFIG = REPORTS / "templates" / "allurerc.json"
"""Config of the Allure 3 renderer; its categories are the ones of Allure 2 as well."""
_STATUS = {
    Verdict.HOLDS: Status.PASSED,
    Verdict.VIOLATED: Status.FAILED,
    Verdict.INCONCLUSIVE: Status.BROKEN,
    Verdict.NOT_INJECTED: Status.BROKEN,
    Verdict.NOT_APPLICABLE: Status.SKIPPED,
}
_HEADS = {
    "violated": "VIOLATED",
    "inconclusive": "INCONCLUSIVE",
    "not-injected": "NOT INJECTED",
    "not-applicable": "NOT APPLICABLE",
    "refuted": "REFUTED (seed claim, never gates)",
    "conflict": "CONFLICT (documentation and cluster differ, as the register says of this version)",
}
_DISAGREE = "SOURCES DISAGREE"
_NAMESPACE = uuid.UUID("4b6d4a52-6f1d-5c1e-9a3e-9d0f6c0f7a11")


def write(report: Report, folder: Path) -> None:
    """Write the results folder anew.

    Args:
        report: everything.
        folder: where to; what it held before is removed, else a renderer would show both runs.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shared = _Shared(cache(redact.evidence), {})
    for entry in report.entries:
        result = _Case(report, entry, folder, shared).result()
        # As allure_commons' own logger does, but compact and under a name without chance.
        path = folder / TestResult.file_pattern.format(prefix=result.uuid)
        facts = attr.asdict(result, filter=lambda _, value: bool(value) or value is False)
        path.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8", errors="replace")
    allure_about.environment(report, folder)
    allure_about.executor(report, folder)
    config = CONFIG.read_text(encoding="utf-8")
    (folder / "allurerc.json").write_text(config, encoding="utf-8")
    categories = json.dumps(json.loads(config)["categories"], indent=1)
    (folder / "categories.json").write_text(categories + "\n", encoding="utf-8")


def status_of(entry: Entry) -> str:
    """Return the allure status.

    A refuted seed claim passes: the cluster does what today's documentation promises, and *failed* must mean
    *violated* or nobody looks any more. So does a known conflict. Their categories are found by the message.
    """
    if entry.shown in {REFUTED, CONFLICT}:
        return str(Status.PASSED)
    return str(_STATUS[entry.judged.verdict])


def stable_id(*parts: str) -> str:
    """Return an id that depends on nothing but the parts: histories hang on it."""
    return hashlib.md5("\n".join(parts).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class _Shared:
    """Texts that are made once for all the tests that share a recording, by its evidence file."""

    evidence: Callable[[Path], str]
    applied: dict[Path | None, str]


class _Case:
    """Builds the result of one verdict."""

    def __init__(self, report: Report, entry: Entry, folder: Path, shared: _Shared) -> None:
        self.report = report
        self.entry = entry
        self.folder = folder
        self.shared = shared
        self.prefix = stable_id(report.run.id, entry.judged.scenario)

    def result(self) -> TestResult:
        """Return the whole result; its files are written on the way."""
        judged, timeline = self.entry.judged, self.entry.timeline
        start, stop = _times(self.report, self.entry)
        key = stable_id(judged.scenario)
        result = TestResult(
            uuid=str(uuid.uuid5(_NAMESPACE, self.prefix)),
            historyId=key,
            testCaseId=key,
            fullName=judged.scenario,
            name=judged.scenario,
            titlePath=["podvow", judged.scenario.partition(".")[0]],
            status=status_of(self.entry),
            stage="finished",
            start=start,
            stop=stop,
        )
        head = _HEADS.get(self.entry.shown)
        if head:
            message = f"{head}: {self.entry.headline}" if self.entry.headline else head
            result.statusDetails = StatusDetails(message=message, trace=judged.message or judged.reason or None)
        elif judged.findings:
            told = "\n".join(f"{f.kind}: {f.text}" for f in judged.findings)
            result.statusDetails = StatusDetails(message=f"{_DISAGREE}: {judged.findings[0].text}", trace=told)
        result.description = self._description()
        result.labels = list(self._labels())
        result.links = list(self._links())
        result.parameters = list(self._parameters())
        applied: list[Attachment] = []
        if timeline:
            if self.entry.path not in self.shared.applied:
                self.shared.applied[self.entry.path] = attach.tolerant(lambda: attach.manifests(timeline))
            sent = self.shared.applied[self.entry.path]
            applied = self._attach("applied objects", "application/yaml", "yaml", sent)
        result.steps = steps(self.entry, start, stop, applied)
        result.attachments = list(self._evidence())
        return result

    def _attach(self, name: str, mime: str, extension: str, text: str) -> list[Attachment]:
        if not text:
            return []
        source = f"{stable_id(name, text)}-attachment.{extension}"
        if not (self.folder / source).exists():
            (self.folder / source).write_text(text, encoding="utf-8", errors="replace")
        return [Attachment(name=name, source=source, type=mime)]

    def _evidence(self) -> Iterator[Attachment]:
        timeline = self.entry.timeline
        findings = [f"+{f.at_s:.3f}s  {f.kind}  {f.text}" for f in self.entry.judged.findings]
        yield from self._attach("sources that disagree", "text/plain", "txt", "\n".join(findings))
        if timeline:
            marks = self.entry.marks
            excerpts = {
                "node: runtime records": Source.RUNTIME,
                "containers: their own trace": Source.TRACE,
                "Kubernetes Events": Source.EVENTS,
            }
            drawn = attach.tolerant(lambda: svg.draw(timeline, marks=marks, standalone=True))
            yield from self._attach("timeline (drawn)", "image/svg+xml", "svg", drawn)
            told = attach.tolerant(lambda: "\n".join(render_text(timeline, marks)))
            yield from self._attach("timeline", "text/plain", "txt", told)
            last = attach.tolerant(lambda: attach.last_objects(timeline))
            yield from self._attach("last objects", "application/json", "json", last)
            for name, source in excerpts.items():
                yield from self._attach(name, "text/plain", "txt", attach.excerpt(timeline, source))
        if self.entry.path:
            raw = self.shared.evidence(self.entry.path)
            yield from self._attach("evidence (JSON lines)", "text/plain", "jsonl", raw)

    def _description(self) -> str:
        lines = [f"{claim.statement or claim.id} (`{claim.id}`, {claim.kind})" for claim in self.entry.claims]
        if self.entry.replay:
            lines.append(f"Judge the evidence again: `{self.entry.replay}`")
        return "\n\n".join(lines)

    def _labels(self) -> Iterator[Label]:
        entry, meta = self.entry, self.entry.timeline.meta if self.entry.timeline else None
        first = entry.claims[0] if entry.claims else None
        area = entry.judged.scenario.partition(".")[0]
        facts: list[tuple[str, str]] = [
            ("parentSuite", "podvow"),
            ("suite", area),
            ("framework", "podvow"),
            ("verdict", entry.shown),
            ("gating", str(entry.gating).lower()),
            ("server_version", self.report.run.server_version),
        ]
        if first:
            facts += [
                ("epic", first.epic or first.area),
                ("feature", first.feature or first.area),
                ("story", first.story or first.statement or first.id),
                ("severity", first.severity),
            ]
        for claim in entry.claims:
            facts += [("claim", claim.id), ("tag", claim.kind)]
        if meta:
            facts += [("kubelet_version", meta.kubelet_version), ("host", meta.node), ("fixture", meta.fixture)]
        if entry.shown in {REFUTED, CONFLICT}:
            facts.append(("tag", entry.shown))
        facts += [("finding", finding.kind) for finding in entry.judged.findings]
        facts += [("fault", name) for name in entry.faults]
        for name, value in dict.fromkeys(facts):
            if value:
                yield Label(name=name, value=str(value))

    def _links(self) -> Iterator[Link]:
        for source in dict.fromkeys(source for claim in self.entry.claims for source in claim.sources):
            url = source_url(source)
            if url:
                yield Link(type="link", url=url, name=source)

    def _parameters(self) -> Iterator[Parameter]:
        # Excluded ones take no part in the identity: a verdict keeps its history on another node or version.
        meta = self.entry.timeline.meta if self.entry.timeline else None
        if meta:
            yield Parameter(name="node", value=meta.node, excluded=True)
            yield Parameter(name="kubelet", value=meta.kubelet_version, excluded=True)


def _times(report: Report, entry: Entry) -> tuple[int, int]:
    if entry.timeline and entry.timeline.records:
        return entry.timeline.start_ns // 1_000_000, entry.timeline.end_ns // 1_000_000
    try:
        start = int(datetime.fromisoformat(report.run.started).timestamp() * 1000)
    except ValueError:
        start = 0
    return start, start + int(entry.judged.wall_s * 1000)


__all__ = ["OUTCOMES", "stable_id", "status_of", "write"]
