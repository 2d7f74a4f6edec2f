"""A run's folder and what is agreed before it begins; shared by all processes of the run through one file."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from podvow.paths import REPORTS
from podvow.verdict import Finding, Judged, Judgement, Outcome, Verdict

_SLUG = re.compile(r"[^A-Za-z0-9._\[\]=-]+")


@dataclass(frozen=True)
class Session:
    """What every process of a run knows.

    Attributes:
        run_id: short, unique, fit for a label.
        folder: the run's folder.
        provider: `kind` or `existing`.
        name: name of the kind cluster.
        kubeconfig: file of an existing cluster.
        context: context of an existing cluster.
        profile: name of the run profile (podvow.profiles).
        per_node: Pods that a node takes at a time.
        replay: evidence files to judge again instead of running anything.
    """

    run_id: str
    folder: Path
    provider: str = "kind"
    name: str = "podvow"
    kubeconfig: str = ""
    context: str = ""
    profile: str = "default"
    per_node: int = 40
    replay: Mapping[str, str] = field(default_factory=dict)

    @property
    def evidence(self) -> Path:
        """Folder of the evidence files."""
        return self.folder / "evidence"

    def save(self) -> Path:
        """Write the session file into the run's folder and return its path."""
        path = self.folder / "session.json"
        raw = {**dataclasses.asdict(self), "folder": str(self.folder)}
        path.write_text(json.dumps(raw, indent=1), encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: Path) -> Session:
        """Read a session file."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**raw, "folder": Path(raw["folder"])})


def new_session(**fields: Any) -> Session:
    """Make a new run's folder below `reports/runs/` and return its session."""
    run_id = f"{datetime.now(UTC):%m%d%H%M%S}-{secrets.token_hex(2)}"
    folder = REPORTS / "runs" / run_id
    for part in ("evidence", "verdicts"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    return Session(run_id=run_id, folder=folder, **fields)


def point_latest(folder: Path) -> None:
    """Let `reports/latest` point at a run's folder, in one step."""
    temporary = REPORTS / f".latest.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path("runs") / folder.name)
    temporary.replace(REPORTS / "latest")


def slug(scenario_id: str) -> str:
    """Return a scenario's id as a file name."""
    return _SLUG.sub("-", scenario_id)


def save_judged(session: Session, judged: Judged) -> None:
    """Write one verdict, so that the process that reports finds those of all processes."""
    path = session.folder / "verdicts" / f"{slug(judged.scenario)}.json"
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(dataclasses.asdict(judged)), encoding="utf-8")
    temporary.replace(path)


def load_judged(session: Session) -> tuple[Judged, ...]:
    """Read all verdicts of a run, by scenario id."""
    found = []
    for path in sorted((session.folder / "verdicts").glob("*.json")):
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["judgements"] = tuple(
            Judgement(**{**j, "outcome": Outcome(j["outcome"]), "at_ns": tuple(j["at_ns"])})
            for j in raw["judgements"]
        )
        raw["findings"] = tuple(Finding(**f) for f in raw.get("findings", ()))
        found.append(Judged(**{**raw, "verdict": Verdict(raw["verdict"]), "claims": tuple(raw["claims"])}))
    return tuple(found)
