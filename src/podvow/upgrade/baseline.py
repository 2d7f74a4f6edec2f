"""The folder of an upgrade: what was judged and seen before, kept until after it, on whatever machine that is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import TypeAdapter

from podvow.errors import UsageError
from podvow.inputs import read_json, shaped
from podvow.session import RUN_ID, Selection
from podvow.upgrade import snapshot
from podvow.upgrade.snapshot import Snapshot
from podvow.whole import write_whole

SCHEMA = 1
FILE = "upgrade.json"
BEFORE_FILE, AFTER_FILE = "survivors.json", "survivors-after.json"
SAMPLES = "samples"
"""Folder with the log of each node's sampler."""
_SNAPSHOT_BYTES = 64 << 20
Stage = Literal["before", "during", "after"]


@dataclass(frozen=True)
class RunTold:
    """A run of claims, as far as the comparison needs it.

    Attributes:
        stage: when it was.
        folder: of the run, inside the upgrade's folder.
        node: the node that its Pods were put on; empty for any.
        kubelet: version of that node's kubelet; empty for any.
        exit_code: of the run.
    """

    stage: Stage
    folder: str
    node: str = ""
    kubelet: str = ""
    exit_code: int = 0


@dataclass(frozen=True)
class Baseline:
    """What is known of an upgrade.

    Attributes:
        id: of the upgrade and of its cohort.
        started: when, ISO 8601.
        identity: which cluster it is, see `podvow.safety.identity`.
        provider: `kind` or `existing`.
        name: of the kind cluster.
        kubeconfig: file of an existing cluster, where it was begun.
        context: its context.
        profile: name of the run profile.
        selection: which claims are judged.
        nodes: the nodes that Pods were planted on.
        planted: whether all survivors are there.
        runs: the runs of claims so far.
    """

    id: str
    started: str
    identity: Mapping[str, str]
    provider: str
    name: str = ""
    kubeconfig: str = ""
    context: str = ""
    profile: str = "default"
    selection: Selection = field(default_factory=Selection)
    nodes: tuple[str, ...] = ()
    planted: bool = False
    runs: tuple[RunTold, ...] = ()

    def of(self, stage: Stage) -> tuple[RunTold, ...]:
        """Return the runs of a stage."""
        return tuple(run for run in self.runs if run.stage == stage)


_BASELINE = TypeAdapter(Baseline)


class Folder:
    """The folder.

    Args:
        path: where it lies.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, baseline: Baseline) -> None:
        """Make the folder.

        Raises:
            UsageError: there is an upgrade in it already.
        """
        if (self.path / FILE).exists():
            raise UsageError(
                f"{self.path} holds an upgrade already", hint="podvow upgrade after --baseline, or another --out"
            )
        (self.path / SAMPLES).mkdir(parents=True, exist_ok=True)
        self.save(baseline)

    def save(self, baseline: Baseline) -> None:
        """Write what is known, whole or not at all."""
        raw = {"schema": SCHEMA, **dataclasses.asdict(baseline)}
        write_whole(self.path / FILE, json.dumps(raw, indent=1))

    def load(self) -> Baseline:
        """Read what is known.

        Raises:
            UsageError: it is no folder of an upgrade, or of another podvow.
        """
        path, what = self.path / FILE, "file of an upgrade"
        baseline = shaped(_BASELINE, read_json(path, what=what, schema=SCHEMA), where=str(path), what=what)
        if not RUN_ID.fullmatch(baseline.id):
            raise UsageError(f"{path}: broken {what}: its id is none")
        for run in baseline.runs:
            inside = PurePosixPath(run.folder)
            if inside.is_absolute() or ".." in inside.parts:
                raise UsageError(f"{path}: broken {what}: a run lies outside of the folder")
        return baseline

    def write(self, name: str, text: str) -> Path:
        """Write a file, whole or not at all, and return its path."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
        return path

    def snapshot(self) -> Snapshot | None:
        """Return the snapshot before, None when it is not here.

        Raises:
            UsageError: it is broken, or of another podvow.
        """
        path = self.path / BEFORE_FILE
        if not path.exists():
            return None
        raw = read_json(path, what=snapshot.WHAT, schema=snapshot.SCHEMA, limit=_SNAPSHOT_BYTES)
        return snapshot.parse(raw, where=str(path))

    def runs(self, runs: tuple[RunTold, ...]) -> list[Path]:
        """Return where runs lie."""
        return [self.path / run.folder for run in runs]
