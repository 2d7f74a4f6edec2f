"""The parts of a run that was resumed: what each took, added up without making anything up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from podvow.inputs import read_json, shaped
from podvow.session import Session
from podvow.whole import write_whole

STATS = "stats.json"
"""The figures of a part; its presence says that the driver has ended."""
CLUSTER = "cluster.json"
"""What the cluster is, written when the driver begins: a part that is killed leaves no figures."""
_FOLDER = "parts"


@dataclass(frozen=True)
class Stats:
    """Figures of one part of a run, or of all of them.

    Attributes:
        wall_s: from the start of the driver to the last verdict, in seconds.
        with_teardown_s: the same until everything was taken away.
        node_cpu_s: CPU that the nodes used, in seconds.
        cores: cores of the machine.
        exclusive_s: the longest chain of node faults, in seconds each.
        cpu_s: CPU of the harness, in seconds.
        api_requests: requests by verb.
        leaks: namespaces that could not be removed.
        lost: why the cluster was given up, empty when it was not.
        refused: why the cluster may not be touched any more, empty when it may.
        server_version: of the API server.
        nodes: what the report says of each node.
        measured: False for a part that was killed: only its wall time is known, up to its last file.
    """

    wall_s: float = 0.0
    with_teardown_s: float = 0.0
    node_cpu_s: float = 0.0
    cores: int = 1
    exclusive_s: tuple[float, ...] = ()
    cpu_s: float = 0.0
    api_requests: Mapping[str, int] = field(default_factory=dict)
    leaks: tuple[str, ...] = ()
    lost: str = ""
    refused: str = ""
    server_version: str = ""
    nodes: tuple[dict[str, Any], ...] = ()
    measured: bool = True


_STATS = TypeAdapter(Stats)


def read_stats(path: Path) -> Stats:
    """Read figures.

    Raises:
        UsageError: the file is none with figures.
    """
    what = "file of a run's figures"
    return shaped(_STATS, read_json(path, what=what), where=str(path), what=what)


def current(session: Session) -> Stats:
    """Return the figures of the part that has just ended; what is missing of them is zero."""
    path = session.folder / STATS
    if path.exists():
        return read_stats(path)
    about = session.folder / CLUSTER
    return read_stats(about) if about.exists() else Stats()


def earlier(session: Session) -> list[Stats]:
    """Return the figures of the parts before this one, in order."""
    paths = [session.folder / _FOLDER / f"{n}.json" for n in range(1, session.part)]
    return [read_stats(path) for path in paths if path.exists()]


def added(parts: Sequence[Stats]) -> Stats:
    """Return the figures of a whole run; what is about its end is the last part's.

    Parts come one after the other, so their times add up, and so do their chains of node faults.
    """
    *before, last = parts
    requests: Counter[str] = Counter()
    for part in parts:
        requests.update(part.api_requests)
    known = next((part for part in (last, *reversed(before)) if part.nodes), last)
    return Stats(
        wall_s=sum(p.wall_s for p in parts),
        with_teardown_s=sum(p.with_teardown_s for p in parts),
        node_cpu_s=sum(p.node_cpu_s for p in parts),
        cores=max(p.cores for p in parts),
        exclusive_s=tuple(s for p in parts for s in p.exclusive_s),
        cpu_s=sum(p.cpu_s for p in parts),
        api_requests=dict(requests),
        leaks=last.leaks,
        lost=last.lost,
        refused=last.refused,
        server_version=known.server_version,
        nodes=known.nodes,
        measured=all(p.measured for p in parts),
    )


def close(session: Session) -> None:
    """Put the figures of the part that was interrupted away, so that the next one writes its own.

    A part that was killed has none: then its wall time is taken from its start to the last file that it wrote.
    """
    kept = session.folder / _FOLDER / f"{session.part}.json"
    kept.parent.mkdir(exist_ok=True)
    stats, about = session.folder / STATS, session.folder / CLUSTER
    if kept.exists():
        return  # this was done before, and what came after it was interrupted
    if stats.exists():
        read_stats(stats)
        stats.replace(kept)
    else:
        raw = read_json(about, what="description of the cluster") if about.exists() else {}
        wall_s = max(round(_last_sign(session.folder) - _began(session), 3), 0.0)
        raw |= {"wall_s": wall_s, "with_teardown_s": wall_s, "measured": False}
        write_whole(kept, json.dumps(raw, indent=1))
    about.unlink(missing_ok=True)


def _began(session: Session) -> float:
    about = session.folder / CLUSTER
    return (about if about.exists() else session.folder / "session.json").stat().st_mtime


def _last_sign(folder: Path) -> float:
    files = [p for part in ("evidence", "verdicts") for p in (folder / part).glob("*.json*")]
    return max((p.stat().st_mtime for p in (*files, *folder.glob("journal*"))), default=0.0)


def told(parts: Sequence[Stats]) -> str:
    """Return what a report says of a run that was resumed, empty for one that was not."""
    if len(parts) == 1:
        return ""
    killed = sum(not p.measured for p in parts[:-1])
    text = f"{len(parts) - 1} times" if len(parts) > 2 else "once"  # noqa: PLR2004 (one part and the next)
    if killed:
        text += f"; {killed} killed: its time is known up to its last file, its requests and CPU are not"
    return text
