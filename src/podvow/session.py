"""A run's folder and what is agreed before it begins; shared by all processes of the run through one file."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter

from podvow.errors import UsageError
from podvow.inputs import read_json, shaped
from podvow.paths import REPORTS
from podvow.verdict import Judged
from podvow.whole import write_whole

SCHEMA = 1
_SLUG = re.compile(r"[^A-Za-z0-9._\[\]=-]+")
RUN_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
"""What a run may be called: part of the names and labels of everything that it makes."""
GIVEN_ID = "PODVOW_RUN_ID"
"""Variable with the id that the next run of this process gets: whoever started it knows where to look."""
_VERDICT_BYTES = 64 << 20


@dataclass(frozen=True)
class Selection:
    """What of the suites is judged, as data: a stored run must not be able to hand pytest options of its own.

    Attributes:
        claims: only these claims; empty for all.
        areas: only claims of these areas; empty for all.
        keyword: pytest's `-k` expression on scenario names.
        processes: xdist workers.
    """

    claims: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    keyword: str = ""
    processes: int = 0

    def options(self) -> list[str]:
        """Return the options for pytest; each value is one word with its option, so that it is none itself."""
        options = [f"--podvow-claim={c}" for c in self.claims] + [f"--podvow-area={a}" for a in self.areas]
        if self.keyword:
            options.append(f"-k{self.keyword}")
        if self.processes:
            options.append(f"-n{self.processes}")
        return options

    def words(self) -> list[str]:
        """Return the options of `podvow run` that select the same; each value is one word with its option."""
        words = [f"--claim={c}" for c in self.claims] + [f"--area={a}" for a in self.areas]
        return words + ([f"-k{self.keyword}"] if self.keyword else [])


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
        busy: how many scenarios may be in their busy first part at a time, at most; 0 for as many as is usual.
        namespaced: whether every effect of the run stays inside namespaces that it makes.
        withheld: capabilities of the cluster that the run must not use, each with the reason.
        replay: evidence files to judge again instead of running anything.
        started: when the run was started, ISO 8601.
        selection: what is judged.
        up: whether the cluster is made when it is not there.
        part: 1, and one more each time that the run is resumed.
        kept: ids of the tests whose verdicts an earlier part reached.
        node: the one node that scenarios are put on; empty for any.
        only: ids of the tests to judge, of those that are selected; empty for all of them.
        until: claims that end the run as soon as one of them comes out violated and that is not expected.
        patience: how long a step in which nothing moves is waited for, in seconds, by the scenario's id.
    """

    run_id: str
    folder: Path
    provider: str = "kind"
    name: str = "podvow"
    kubeconfig: str = ""
    context: str = ""
    profile: str = "default"
    per_node: int = 40
    busy: int = 0
    namespaced: bool = False
    withheld: Mapping[str, str] = field(default_factory=dict)
    replay: Mapping[str, str] = field(default_factory=dict)
    started: str = ""
    selection: Selection = field(default_factory=Selection)
    up: bool = False
    part: int = 1
    kept: tuple[str, ...] = ()
    node: str = ""
    only: tuple[str, ...] = ()
    until: tuple[str, ...] = ()
    patience: Mapping[str, float] = field(default_factory=dict)

    @property
    def evidence(self) -> Path:
        """Folder of the evidence files."""
        return self.folder / "evidence"

    @property
    def label(self) -> str:
        """The part's own id: what an earlier part left behind must not be taken for this one's."""
        return self.run_id if self.part == 1 else f"{self.run_id}-r{self.part}"

    @property
    def labels(self) -> tuple[str, ...]:
        """The ids of all parts so far."""
        return tuple(dataclasses.replace(self, part=n).label for n in range(1, self.part + 1))

    def save(self) -> Path:
        """Write the session file into the run's folder, whole or not at all, and return its path."""
        path = self.folder / "session.json"
        raw = {"schema": SCHEMA, **dataclasses.asdict(self), "folder": str(self.folder)}
        write_whole(path, json.dumps(raw, indent=1))
        return path

    @classmethod
    def load(cls, path: Path) -> Session:
        """Read a session file; the run's folder is where the file lies, wherever it was written.

        Raises:
            UsageError: it is none, or of another podvow.
        """
        what = "session file"
        raw = read_json(path, what=what, schema=SCHEMA)
        unknown = raw.keys() - {f.name for f in dataclasses.fields(cls)}
        if unknown:
            raise UsageError(f"{path}: broken {what}: unknown field {', '.join(sorted(unknown))!r}")
        session = dataclasses.replace(shaped(_SESSION, raw, where=str(path), what=what), folder=path.parent)
        if not RUN_ID.fullmatch(session.run_id) or session.part < 1 or session.per_node < 1:
            raise UsageError(f"{path}: broken {what}: run_id, part or per_node is out of range")
        return session


_SESSION = TypeAdapter(Session)
_JUDGED = TypeAdapter(Judged)


def runs_folder() -> Path:
    """Return the folder that new runs' folders lie in: `$PODVOW_RUNS`, else `reports/runs`."""
    return Path(os.environ.get("PODVOW_RUNS") or REPORTS / "runs").absolute()


def fresh_id(now: datetime) -> str:
    """Return an id that no run has yet: its time, and something that two of one second differ in."""
    return f"{now:%m%d%H%M%S}-{secrets.token_hex(2)}"


def new_session(**fields: Any) -> Session:
    """Make a new run's folder and return its session.

    Raises:
        UsageError: the folder cannot be made there.
    """
    now = datetime.now(UTC)
    run_id = os.environ.pop(GIVEN_ID, "") or fresh_id(now)
    if not RUN_ID.fullmatch(run_id):
        raise UsageError(f"${GIVEN_ID}: {run_id!r} cannot be the id of a run")
    folder = runs_folder() / run_id
    try:
        for part in ("evidence", "verdicts"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"{folder}: the run's folder cannot be made: {error.strerror}"
        raise UsageError(text, hint="$PODVOW_RUNS names another folder for runs") from error
    return Session(run_id=run_id, folder=folder, started=now.isoformat(timespec="seconds"), **fields)


@contextmanager
def passing_session(**fields: Any) -> Iterator[Session]:
    """Give a session for what leaves no report behind; its folder is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="podvow-") as folder:
        yield Session(run_id="none", folder=Path(folder), **fields)


def point_latest(folder: Path) -> None:
    """Let `latest` point at a run's folder, in one step: `reports/latest`, or the one in `$PODVOW_RUNS`."""
    place = runs_folder() if os.environ.get("PODVOW_RUNS") else REPORTS
    temporary = place / f".latest.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(folder, place))
    temporary.replace(place / "latest")


def slug(scenario_id: str) -> str:
    """Return a scenario's id as a file name."""
    return _SLUG.sub("-", scenario_id)


def save_judged(session: Session, judged: Judged) -> None:
    """Write one verdict, so that the process that reports finds those of all processes."""
    path = session.folder / "verdicts" / f"{slug(judged.scenario)}.json"
    write_whole(path, json.dumps({"schema": SCHEMA, **dataclasses.asdict(judged)}))


def read_judged(path: Path) -> Judged:
    """Read one verdict.

    Raises:
        UsageError: the file is none, or of another podvow.
    """
    what = "verdict file"
    raw = read_json(path, what=what, schema=SCHEMA, limit=_VERDICT_BYTES)
    judged = shaped(_JUDGED, raw, where=str(path), what=what)
    inside = PurePosixPath(judged.evidence)
    if inside.is_absolute() or ".." in inside.parts or "\0" in judged.evidence:
        raise UsageError(f"{path}: broken {what}: its evidence lies outside of the run's folder")
    return judged


def load_judged(session: Session) -> tuple[Judged, ...]:
    """Read all verdicts of a run, by scenario id.

    Raises:
        UsageError: one of the files is broken.
    """
    return tuple(read_judged(path) for path in sorted((session.folder / "verdicts").glob("*.json")))
