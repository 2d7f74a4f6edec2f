"""`podvow mutants run` in several places side by side: each has a share of the mutants, and a process of its own.

A place is a cluster, or one worker of a cluster that has several for faults. A share is fixed before anything runs,
so that a place's scenarios without a bug are those of its own mutants, and so that the same command gives the same
matrix again. A process, not a thread: it is what one cluster's command is, and Ctrl-C is passed on to it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from podvow import child, interrupts, runlock
from podvow.claims import load_register
from podvow.ending import end_with_parent
from podvow.errors import PodvowError, UsageError
from podvow.inputs import read_json, shaped
from podvow.mutants import command, matrix
from podvow.mutants.campaign import Wish, tests_of
from podvow.mutants.definition import chosen, load
from podvow.mutants.matrix import Told
from podvow.mutants.merge import merged
from podvow.mutants.share import Place, Share, rounds
from podvow.paths import SUITES
from podvow.scenario.jobs import BUSY
from podvow.selection import collect
from podvow.session import Session
from podvow.whole import write_whole

SCHEMA = 1
FILE = "share.json"
"""A place's share of the mutants, in the folder of its part of the run."""
_MODULE = "podvow.mutants.lanes"
_LETTERS = string.ascii_lowercase
_ENDING_S = 600.0
"""How long a place may take to get its own programs back, in seconds."""
_INTERRUPTED = 130
_SHARE = TypeAdapter(Share)


def run(
    session: Session,
    wish: Wish,
    places: Sequence[Place],
    definitions: Path,
    *,
    say: Callable[[str], None],
    keep: Callable[[Told], object],
) -> Told:
    """Run mutants in several places.

    Args:
        session: the whole run; each place's part gets a folder beside it.
        wish: which mutants, and how thoroughly.
        places: where.
        definitions: the folder that the mutants are from.
        say: is told what goes on.
        keep: is given what is known after each mutant.

    Returns:
        What all of them found out. A place that could not be used makes it void.

    Raises:
        UsageError: a place is named twice, there are too many, or a mutant names a claim that there is not.
    """
    began = time.monotonic()
    register = load_register(SUITES / "claims.yaml")
    command.check_names(wish.mutants, register)
    items = collect(profile=session.profile).items
    tests = {each.id: tests_of([each], register, items) for each in wish.peers}
    parts = rounds(wish, str(definitions.absolute()), places, tests)
    _check(places, sum(map(len, parts)))
    writing = threading.Lock()
    lanes: list[_Lane] = []

    def known() -> Told:
        return merged(
            {lane.label: told for lane in lanes if (told := lane.told())},
            {lane.label: lane.lost for lane in lanes if lane.lost},
            wish.mutants,
            register=register,
            run=session.run_id,
            started=session.started,
            wall_s=time.monotonic() - began,
        )

    def heard(label: str, line: str) -> None:
        say(f"{label}: {line}")
        # Whoever does not read on stops the place: it waits until its words are read.
        with writing, contextlib.suppress(OSError, PodvowError):
            keep(known())

    try:
        for part in parts:
            # They are on one machine: together they start no more at a time than one would.
            own = dataclasses.replace(session, busy=max(1, BUSY // len(part)))
            for place, share in part:
                lanes.append(_Lane(own, place, share, _LETTERS[len(lanes)], heard))
            for lane in lanes:
                lane.wait()
    except BaseException:
        for lane in lanes:
            lane.ask()
        for lane in lanes:
            lane.end()
        raise
    with writing:
        return known()


def _check(places: Sequence[Place], lanes: int) -> None:
    if len(set(places)) < len(places):
        raise UsageError(f"a cluster is named twice: {', '.join(place.label for place in places)}")
    if lanes > len(_LETTERS):
        raise UsageError(f"{lanes} parts of a run cannot be told apart, only {len(_LETTERS)}")


class _Lane:
    """The process of one place.

    Args:
        session: the whole run.
        place: where.
        share: its mutants.
        letter: tells its part of the run from the others.
        heard: is told what it says, line by line.

    Attributes:
        label: name of the place.
        lost: why it did not come to its end; empty as long as it may, and when it did.
    """

    def __init__(
        self, session: Session, place: Place, share: Share, letter: str, heard: Callable[[str, str], None]
    ) -> None:
        run_id = f"{session.run_id}-{letter}"
        folder = session.folder.with_name(run_id)
        folder.mkdir(parents=True, exist_ok=True)
        own = dataclasses.replace(session, run_id=run_id, folder=folder, name=place.cluster, node=place.node)
        write_whole(folder / FILE, json.dumps({"schema": SCHEMA, **dataclasses.asdict(share)}, indent=1))
        self.label = place.label
        self.lost = ""
        self._results = folder / matrix.FILE
        self._heard = heard
        self._last = ""
        # In a session of its own: Ctrl-C comes to the first process, and is passed on once.
        self._child = subprocess.Popen(
            [sys.executable, "-m", _MODULE, str(own.save())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"lane {self.label}", daemon=True)
        self._reader.start()

    def told(self) -> Told | None:
        """Return what it has found out so far; None before it has found out anything."""
        return matrix.read(self._results) if self._results.is_file() else None

    def wait(self) -> None:
        """Wait for its end."""
        code = self._child.wait()
        self._reader.join()
        if code:
            self.lost = self._last or f"it ended with {code}"

    def ask(self) -> None:
        """Ask it to end."""
        child.ask(self._child)

    def end(self) -> None:
        """Wait until it has taken back what it did."""
        child.ended(self._child, _ENDING_S)

    def _read(self) -> None:
        assert self._child.stdout is not None  # noqa: S101 (it was asked for)
        with self._child.stdout as words:
            for line in words:
                if line.strip():
                    self._last = line.strip()
                    self._heard(self.label, line.rstrip())


def main(argv: list[str]) -> int:
    """Run the share of one place; return 0 when it came to its end, whatever it found out."""
    interrupts.install()
    end_with_parent()
    try:
        session = Session.load(Path(argv[1]))
        with runlock.held(session.folder):
            _play(session)
    except PodvowError as error:
        _say(f"error: {error.message}")
        return int(error.exit_code)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _play(session: Session) -> None:
    path, what = session.folder / FILE, "share of mutants"
    share = shaped(_SHARE, read_json(path, what=what, schema=SCHEMA), where=str(path), what=what)
    loaded = load(Path(share.definitions))
    wish = Wish(
        chosen(loaded, share.mutants),
        loaded,
        [definition for definition in loaded if definition.id in share.peers],
        everything=share.everything,
        related_only=share.related_only,
    )

    def keep(outcome: command.Outcome) -> None:
        matrix.save(matrix.told(outcome, run=session.run_id, started=session.started), session.folder)

    keep(command.run(session, wish, _say, keep))


def _say(line: str) -> None:
    """Tell the first process, which shows it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
