"""Tries damaged files on readers and counts what became of them."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

from podvow.errors import UsageError
from tests.fuzz.damage import CANARY, Damage, kinds_for
from tests.fuzz.readers import READERS, Reader

SLOWEST_S = 10.0
"""Longer than this, in seconds of CPU, no file may keep a reader busy; none of the limits lets it come near."""
_LONGEST = 6000


@dataclass(frozen=True)
class Found:
    """A file with which a reader did what it must not do."""

    reader: str
    kind: str
    seed: int
    sample: str
    what: str


@dataclass
class Tally:
    """What became of the files of one kind with one reader."""

    tried: int = 0
    refused: int = 0
    read: int = 0
    slowest_s: float = 0.0


@dataclass
class Report:
    """The figures of a whole run."""

    seed: int
    seconds: float = 0.0
    cells: dict[str, dict[str, Tally]] = field(default_factory=dict)
    findings: list[Found] = field(default_factory=list)

    def cell(self, reader: str, kind: str) -> Tally:
        """Return the figures of a reader and a kind."""
        return self.cells.setdefault(reader, {}).setdefault(kind, Tally())

    @property
    def totals(self) -> dict[str, int]:
        """The sums over everything."""
        sums: Counter[str] = Counter(tried=0, refused=0, read=0)
        for kinds in self.cells.values():
            for tally in kinds.values():
                sums.update(tried=tally.tried, refused=tally.refused, read=tally.read)
        return {**sums, "findings": len(self.findings)}

    @property
    def slowest_s(self) -> float:
        """How long the slowest file took, in seconds."""
        return max((t.slowest_s for kinds in self.cells.values() for t in kinds.values()), default=0.0)

    def document(self) -> dict[str, object]:
        """Return what reports/fuzz.json holds."""
        return {"schema": 1, **asdict(self), "totals": self.totals}


class _SlowError(BaseException):
    """A reader took too long; no `except Exception` of it may swallow this."""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def late(_signal: int, _frame: FrameType | None) -> None:
        raise _SlowError

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _complaint(error: UsageError, path: Path) -> str:
    """Return what is wrong with an error text, empty when a person can use it."""
    text = str(error)
    if path.name not in text and path.stem not in text:
        return f"the error does not name the file: {text[:200]}"
    if len(text) > _LONGEST:
        return f"an error of {len(text)} characters: {text[:200]}…"
    if odd := [c for c in text if not c.isprintable() and c != "\n"]:
        return f"the error has the control characters {odd[:3]!r}"
    return "the error shows a traceback" if "Traceback" in text else ""


def attempt(reader: Reader, path: Path, data: bytes) -> tuple[bool, str]:
    """Let a reader read a damaged file.

    Args:
        reader: the reader.
        path: where the file is to lie.
        data: what it holds.

    Returns:
        Whether it was read (else it was refused), and what is wrong, empty when all is well.
    """
    path.write_bytes(data)
    try:
        with _limited(SLOWEST_S):
            reader.read(path)
    except UsageError as error:
        read, wrong = False, _complaint(error, path)
    except _SlowError:
        read, wrong = False, f"still busy after {SLOWEST_S:.0f} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        last = traceback.extract_tb(error.__traceback__)[-1]
        read, wrong = (
            False,
            f"{type(error).__name__}: {str(error)[:200]} ({Path(last.filename).name}:{last.lineno})",
        )
    else:
        read, wrong = True, ""
    if Path(CANARY).exists():
        Path(CANARY).unlink()
        wrong = "the file was executed"
    elif path.read_bytes() != data:
        wrong = "the file was changed"
    return read, wrong


def _one(report: Report, reader: Reader, damage: tuple[str, Damage], folder: Path, seed: int) -> None:
    kind, damaged = damage
    chance = random.Random(f"{reader.name}/{kind}/{seed}")  # noqa: S311 - chance that can be repeated
    name, valid = chance.choice(list(reader.samples()))
    data = damaged(chance, valid, reader.form)
    began = time.monotonic()
    read, wrong = attempt(reader, folder / name, data)
    tally = report.cell(reader.name, kind)
    tally.tried += 1
    tally.slowest_s = max(tally.slowest_s, round(time.monotonic() - began, 3))
    if wrong:
        report.findings.append(Found(reader.name, kind, seed, name, wrong))
    elif read:
        tally.read += 1
    else:
        tally.refused += 1


def fuzz(folder: Path, *, seed: int = 0, seconds: float = 0.0, rounds: int = 0) -> Report:
    """Try every kind of damage on every reader, again and again.

    Args:
        folder: a folder for the damaged files.
        seed: the same one gives the same files.
        seconds: for how long.
        rounds: how often, where no time is given.

    Returns:
        The figures.
    """
    report = Report(seed)
    began = time.monotonic()
    number = 0
    with chdir(folder):
        while (time.monotonic() - began < seconds) if seconds else number < rounds:
            for reader in READERS:
                for damage in kinds_for(reader.form):
                    if seconds and time.monotonic() - began > seconds and number:
                        break
                    _one(report, reader, damage, folder, seed * 1_000_000 + number)
            number += 1
    report.seconds = round(time.monotonic() - began, 1)
    return report


def valid_samples(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (reader and file, what is wrong) for the valid files; what is wrong is empty when they are read."""
    with chdir(folder):
        for reader in READERS:
            for name, data in reader.samples():
                read, wrong = attempt(reader, folder / name, data)
                os.unlink(folder / name)  # noqa: PTH108 - a plain file of ours
                yield f"{reader.name}: {name}", wrong or ("" if read else "refused")
