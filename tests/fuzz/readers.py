"""The readers that are fuzzed: a line each, with the valid files that they read and what is done with a value.

A further reader (a new file format) is one more line in `READERS`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import Version

from podvow import parts, quarantine, resume
from podvow.claims import load_register
from podvow.cluster import health, imagelist, kind, kindconfig
from podvow.expect.explain import failure_message
from podvow.history import night, tell
from podvow.history.trend import trend
from podvow.journal import reading
from podvow.journal.entry import Done, Entry, Header
from podvow.journal.undo import DeleteNamespace, HealNode
from podvow.judge import judged
from podvow.paths import FIXTURES, SUITES
from podvow.quarantine import Quarantine
from podvow.register_doc import to_markdown
from podvow.report import svg
from podvow.report.attach import last_objects, manifests
from podvow.scenario import table
from podvow.scenario.manifest import images_of, prepare, read_manifests
from podvow.session import Selection, Session, read_judged
from podvow.timeline import load
from podvow.timeline.render import render_text
from podvow.verdict import Finding, Judged, Judgement, Outcome, Verdict

DATA = Path(__file__).parents[1] / "offline" / "run" / "data"
Sample = tuple[str, bytes]
"""Name of a file and what a valid one holds."""


@dataclass(frozen=True)
class Reader:
    """A reader of files.

    Attributes:
        name: for the table.
        form: `yaml`, `json` or `jsonl`.
        samples: valid files.
        read: reads the file and does with the value what podvow does with it; must raise nothing but UsageError.
    """

    name: str
    form: str
    samples: Callable[[], Iterable[Sample]]
    read: Callable[[Path], Any]


def _files(folder: Path, *names: str) -> Callable[[], Iterable[Sample]]:
    return lambda: [(Path(name).name, (folder / name).read_bytes()) for name in names]


def _json(name: str, raw: Any) -> Callable[[], Iterable[Sample]]:
    return lambda: [(name, json.dumps({"schema": 1, **raw}, default=str).encode())]


def _manifest(path: Path) -> None:
    found = read_manifests(path)
    images_of(found)
    for manifest in found:
        ready = prepare(manifest, labels={"a": "b"}, namespace="n", node="worker")
        json.dumps(ready, allow_nan=False).encode()


def _table(path: Path) -> None:
    for case in table.read_table(path).cases:
        if not case.on:
            json.dumps(case.edited(case.base), allow_nan=False)


def _claims(path: Path) -> None:
    register = load_register(path)
    to_markdown(register)
    for claim in register.claims:
        claim.expected_on(Version("1.37.2"))
        claim.inapplicable(Version("1.37.2"), lambda _: True)


def _kind(path: Path) -> None:
    kindconfig.configure(kind.read_config(path), version="v1.37.2", cgroup_v1=True, local_image=True)


def _evidence(path: Path, *, whole: bool = True) -> None:
    timeline = load(path, whole=whole)
    result = judged(timeline, (), test="t", scenario_id="s", claims=(), evidence="e")
    assert result.verdict is not Verdict.HOLDS
    failure_message(timeline, result.judgements, [("a.b.c", "it is so")], Verdict.VIOLATED, "e")
    render_text(timeline)
    svg.draw(timeline, marks=(), ident="s1")
    manifests(timeline)
    last_objects(timeline)


_FINDING = Finding("status-exit-code", "0 and 1", 5, 0.1)
_JUDGEMENT = Judgement("a before b", Outcome.HOLDS, "seen", (1, 2), standing=True)
_JUDGED = Judged(
    "a.b[c]",
    "suites/a.py::b",
    ("a.b.c",),
    Verdict.HOLDS,
    (_JUDGEMENT,),
    evidence="evidence/a.jsonl",
    findings=(_FINDING,),
)
_SESSION = Session("1123-ab", Path("/r"), selection=Selection(("a.b.c",), ("a",), "x", 2), kept=("a.b",))
_NODE = {"name": "w", "kubelet_version": "v1.37.2", "runtime": "containerd", "capabilities": ["x"]}
_STATS = {
    "wall_s": 1.5,
    "api_requests": {"GET": 3},
    "nodes": [_NODE],
    "leaks": [],
    "exclusive_s": [1.0],
    "lost": "",
}
_RESULTS = {"run": {"id": "r", "exit_code": 0, "complete": True}, "scenarios": [], "claims": []}
_NIGHT = {
    "run": {"id": "r", "started": "2026-11-26T01:02:03+00:00", "exit_code": 1, "complete": True},
    "cluster": {"provider": "kind", "server_version": "v1.37.2", "nodes": [_NODE]},
    "scenarios": [{"id": "a.s", "claims": ["a.b.c"], "verdict": "violated", "kubelet_version": "v1.37.2"}],
    "claims": [{"id": "a.b.c", "verdict": "violated", "shown": "violated", "scenarios": ["a.s"]}],
}
_QUARANTINE = b"""\
quarantine:
- {scenario: a.s, owner: team-node, reason: known, expires: 2999-12-24}
- {claim: a.b.c, owner: team-node, reason: known, expires: 2026-01-01}
"""
_KUBECONFIG = b"""\
apiVersion: v1
kind: Config
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://127.0.0.1:1", certificate-authority-data: eA==}}]
users: [{name: u, user: {token: secret-token-of-a-user}}]
"""


def _journal() -> Iterable[Sample]:
    cluster = {"provider": "kind", "name": "podvow", "kubeconfig": "k", "context": "c", "identity": {"uid": "u"}}
    lines = (
        Header("1123-ab", "0.1.0", 1, cluster),
        Entry(1, 2, "namespace", "w", DeleteNamespace("podvow-1123-ab-x", "1123-ab"), {"key": "x"}),
        Entry(2, 3, "fault", "w", HealNode("worker"), {"fault": "reboot"}),
        Done((1,), 4),
    )
    return [("journal.jsonl", "".join(f"{line.json}\n" for line in lines).encode())]


def _recovered(path: Path) -> None:
    history = reading.read(path)
    assert history.header is None or history.header.identity is not None
    for entry in history.open_entries:
        assert entry.undo.words
    reading.is_closed(path)


def _results(path: Path) -> None:
    resume.finished(path.parent)


def _night(path: Path) -> None:
    found = trend([night.read(path)], [], Quarantine())
    tell.to_json(found).encode()
    tell.markdown(found)
    list(tell.lines(found))


def _marks(path: Path) -> None:
    listed = quarantine.load(path)
    listed.unmatched((), ())
    for mark in (*listed.expired, *filter(None, [listed.of("a.s", ("a.b.c",))])):
        json.dumps([mark.words, mark.as_json()])


READERS: tuple[Reader, ...] = (
    Reader("manifest", "yaml", _files(FIXTURES, "pods/sidecar-mixed.yaml", "pods/secret-in-init.yaml"), _manifest),
    Reader("workload", "yaml", _files(FIXTURES, "workloads/job.yaml", "objects/quota.yaml"), _manifest),
    Reader("table of requests", "yaml", _files(FIXTURES / "requests", "limits.yaml", "env.yaml"), _table),
    Reader("claims register", "yaml", _files(SUITES, "ordering/claims.yaml", "isolation/claims.yaml"), _claims),
    Reader("image list", "yaml", _files(FIXTURES / "images", "images.yaml"), imagelist.load),
    Reader("kind configuration", "yaml", _files(FIXTURES / "kind", "default.yaml"), _kind),
    Reader("kubeconfig", "yaml", lambda: [("config", _KUBECONFIG)], lambda p: health.read_endpoint(p, "c")),
    Reader("evidence", "jsonl", _files(DATA, "tools.jsonl", "network.jsonl"), _evidence),
    Reader("evidence, cut", "jsonl", _files(DATA, "tools.jsonl"), lambda p: _evidence(p, whole=False)),
    Reader("journal", "jsonl", _journal, _recovered),
    Reader("session", "json", _json("session.json", dataclasses.asdict(_SESSION)), Session.load),
    Reader("verdict", "json", _json("a.b-c-.json", dataclasses.asdict(_JUDGED)), read_judged),
    Reader("figures", "json", lambda: [("stats.json", json.dumps(_STATS).encode())], parts.read_stats),
    Reader("results", "json", _json("results.json", _RESULTS), _results),
    Reader("results of a night", "json", _json("results.json", _NIGHT), _night),
    Reader("quarantine list", "yaml", lambda: [("quarantine.yaml", _QUARANTINE)], _marks),
)
