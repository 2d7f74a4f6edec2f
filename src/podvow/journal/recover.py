"""`podvow recover`: finds dead runs, takes back what they left, and looks whether anything remains.

Idempotent; it may be killed anywhere and started again, here or on another machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from podvow.api import ApiError
from podvow.cluster.lifecycle import NoClusterError
from podvow.errors import PodvowError, UsageError
from podvow.journal import found, identity, mirror
from podvow.journal.act import Site
from podvow.journal.audit import Leak, Spared, audit_nodes, audit_objects
from podvow.journal.dead import Recovery
from podvow.journal.entry import Entry
from podvow.journal.log import InUseError, Journal
from podvow.journal.namespaces import labelled
from podvow.journal.reach import Connect, Target, connect, target_of
from podvow.journal.reading import OlderJournalError, read
from podvow.journal.report import ALIVE, BROKEN, GONE, RECOVERED, UNREACHABLE, Report, Told
from podvow.journal.undo import Undo
from podvow.labels import JOURNAL_KEY, namespace_of, run_of

_PATIENCE_S = 180.0
_ROUNDS = 3
"""What lies on a node that stands still is seen once it goes on."""


@dataclass(frozen=True)
class Wanted:
    """What is to be recovered.

    Attributes:
        run: only this run with all its parts; empty for all dead ones.
        targets: clusters to look at, besides those of the journals that are found.
        optional: clusters of `targets` that need not be there.
        only_targets: leave the journals of other clusters alone.
    """

    run: str = ""
    targets: tuple[Target, ...] = ()
    optional: frozenset[Target] = field(default_factory=frozenset)
    only_targets: bool = False


class _NoBook:
    """For a run whose journal is on another machine: its namespace goes last, and the mirror in it."""

    def settle(self, undo: Undo, note: str = "") -> None:
        """Nothing to note."""


def recover(
    wanted: Wanted,
    *,
    folder: Path | None = None,
    reach: Connect = connect,
    say: Callable[[str], None] = lambda _: None,
    patience_s: float = _PATIENCE_S,
) -> Report:
    """Take back what dead runs left.

    Args:
        wanted: which runs, on which clusters.
        folder: where the runs' folders lie; by default those of this checkout.
        reach: connects to a cluster.
        say: is told what goes on.
        patience_s: how long namespaces are waited for, in seconds.

    Returns:
        What was found and done.
    """
    began = time.monotonic()
    report = Report()
    local: dict[Target, list[Path]] = {target: [] for target in wanted.targets}
    for path in found.journals(folder):
        if wanted.run and path.parent.name != run_of(wanted.run):
            continue
        target = _target(path, report)
        if target is not None and (target in local or not wanted.only_targets):
            local.setdefault(target, []).append(path)
    for target, paths in local.items():
        _recover_in(target, paths, wanted, report, reach=reach, say=say, patience_s=patience_s)
    report.wall_s = time.monotonic() - began
    return report


def _target(path: Path, report: Report) -> Target | None:
    """Return the cluster of a journal; None (and a word in the report) for one that is of no use."""
    try:
        header = read(path).header
        if header is None:  # it was never begun: nothing was changed
            return None
        return target_of(header)
    except OlderJournalError:
        return None
    except UsageError as error:
        report.runs.append(Told(path.parent.name, "an unknown cluster", BROKEN, notes=[str(error)]))
        return None


def _recover_in(
    target: Target,
    paths: Sequence[Path],
    wanted: Wanted,
    report: Report,
    *,
    reach: Connect,
    say: Callable[[str], None],
    patience_s: float,
) -> None:
    """Recover the runs of one cluster."""
    with _Held(paths, str(target), report) as held:
        try:
            site = reach(target)
        except NoClusterError as error:
            for run, journal in held.journals.items():
                journal.done(*(entry.id for entry in journal.open_entries), note="the cluster is gone")
                held.told(run, GONE)
            if target in wanted.targets and target not in wanted.optional:
                report.unreachable.append(str(error))
            return
        except PodvowError as error:
            for run in held.journals:
                held.told(run, UNREACHABLE, str(error))
            if target in wanted.targets and target not in wanted.optional:
                report.unreachable.append(f"{target}: {error}")
            return
        try:
            _Cluster(site, target, held, report, say).recover(run_of(wanted.run), patience_s)
        except ApiError as error:
            report.unreachable.append(f"{target}: {error}")
        finally:
            site.api.close()


class _Held:
    """The journals of one cluster's runs, locked; those of runs that are alive are left out and said so."""

    def __init__(self, paths: Sequence[Path], cluster: str, report: Report) -> None:
        self.journals: dict[str, Journal] = {}
        self.alive: set[str] = set()
        self._cluster = cluster
        self._report = report
        for path in paths:
            run = path.parent.name
            try:
                journal = Journal(path, run=run)
            except InUseError:
                self.alive.add(run)
                self.told(run, ALIVE)
            except (UsageError, OSError) as error:
                self.told(run, BROKEN, str(error))
            else:
                self.journals[run_of(journal.header.run)] = journal

    def told(self, run: str, state: str, *notes: str) -> Told:
        """Begin the report on a run."""
        told = Told(run, self._cluster, state, notes=list(notes))
        self._report.runs.append(told)
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for journal in self.journals.values():
            journal.close(note="recovered")


class _Cluster:
    """Recovers the dead runs of a cluster that answers, then looks for what is left."""

    def __init__(self, site: Site, target: Target, held: _Held, report: Report, say: Callable[[str], None]) -> None:
        self._site = site
        self._target = target
        self._held = held
        self._report = report
        self._say = say

    def recover(self, only: str, patience_s: float) -> None:
        """Do it.

        Raises:
            ApiError: the API server refused what is needed to begin.
        """
        self._leave_strangers()
        dead = {
            label: group
            for label, group in labelled(self._site.api).items()
            if run_of(label) not in self._held.alive and only in {"", run_of(label)}
        }
        for label in self._alive(
            {x: raws for x, raws in dead.items() if run_of(x) not in self._held.journals}, only
        ):
            del dead[label]
        recovery = Recovery(self._site, patience_s=patience_s, say=self._say)
        for run in sorted({*map(run_of, dead), *self._held.journals}):
            told = self._held.told(run, RECOVERED)
            names = {str(raw["metadata"]["name"]): x for x in dead if run_of(x) == run for raw in dead[x]}
            journal = self._held.journals.get(run)
            entries = journal.open_entries if journal else self._mirrored(set(names.values()), told)
            recovery.run(told, entries, names, journal or _NoBook())
        self._look(recovery, {*map(run_of, dead), *self._held.journals})

    def _leave_strangers(self) -> None:
        """Give up journals of a kind cluster that had this name before.

        Those of a context that leads elsewhere now stay open: what was changed is still there, where it led before.
        """
        here = identity.read(self._site.api)
        for run, journal in list(self._held.journals.items()):
            if not identity.other(journal.header.identity, here):
                continue
            if self._target.provider != "kind":
                self._held.told(run, UNREACHABLE, f"{self._target} leads to another cluster now than it did then")
                journal.close()
                del self._held.journals[run]
            else:
                journal.done(*(entry.id for entry in journal.open_entries), note="the cluster is gone")
                self._held.told(run, GONE, "there is another cluster of that name now")
                journal.close(note="the cluster is gone")
                del self._held.journals[run]

    def _alive(self, runs: Mapping[str, list[Mapping[str, Any]]], only: str) -> Mapping[str, str]:
        if runs:
            self._say(f"feeling the pulse of {', '.join(sorted(runs))} (up to {mirror.LEASE_S} s)")
        certain = frozenset(label for label in runs if run_of(label) == only)
        alive = found.alive_in(self._site.api, runs, certain=certain)
        for run, why in sorted(alive.items()):
            self._held.told(run, ALIVE, why)
        return alive

    def _mirrored(self, labels: Iterable[str], told: Told) -> Sequence[Entry]:
        copies = [mirror.load(self._site.api, namespace_of(label, JOURNAL_KEY)) for label in labels]
        told.notes += (broken for copy in copies for broken in copy.broken)
        return [entry for copy in copies for entry in copy.entries]

    def _look(self, recovery: Recovery, dead: set[str]) -> None:
        """Audit; remove what no journal knew of but is podvow's by its name; audit again."""
        self._report.looked_at.append(str(self._target))
        for _ in range(_ROUNDS):
            leaks = self._leaks(lambda: audit_nodes(self._site), dead)
            # A unit that is down may be somebody's maintenance; in a cluster that podvow made there is nobody else,
            # as long as no other run is alive.
            alone = self._target.provider == "kind" and not self._spared(dead).runs
            undos = [leak.undo for leak in leaks if leak.undo and (leak.named or alone)]
            if not undos:
                break
            self._report.swept += recovery.sweep(undos)
        leaks = self._leaks(lambda: [*audit_nodes(self._site), *audit_objects(self._site.api)], dead)
        self._report.leaks += dict.fromkeys(map(str, self._fresh(leaks)))

    def _leaks(self, audit: Callable[[], list[Leak]], dead: set[str]) -> list[Leak]:
        """Audit, and leave out what belongs to other runs than the dead ones, begun or ended meanwhile too."""
        before = self._spared(dead)
        leaks = audit()
        return (before | self._spared(dead)).leave_out(leaks) if leaks else []

    def _spared(self, dead: set[str]) -> Spared:
        labels = found.runs_in(self._site.api)
        return found.spared(self._site.api, {*(x for x in labels if run_of(x) not in dead), *self._held.alive})

    def _fresh(self, leaks: Sequence[Leak]) -> list[Leak]:
        """Leave out what the report on a run says already, with what holds it up."""
        said = "\n".join(note for told in self._report.runs for note in told.notes)
        return [leak for leak in leaks if not (leak.thing.startswith("namespace ") and f"{leak.thing} is" in said)]
