from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.api import ApiError
from podvow.errors import UsageError
from podvow.journal import faultpoint
from podvow.journal.entry import Entry
from podvow.journal.log import InUseError, Journal
from podvow.journal.reading import OlderJournalError, is_closed, read
from podvow.journal.undo import DeleteNamespace, HealNode, Undo

HEAL = HealNode("worker")


def space(key: str) -> Undo:
    return DeleteNamespace(f"podvow-r1-{key}", "r1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r1" / "journal.jsonl"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = Journal(path, run="r1", cluster={"provider": "kind", "name": "podvow"})
    yield made
    made.close()


class Copy:
    """A mirror."""

    def __init__(self) -> None:
        self.kept: dict[int, Entry] = {}
        self.away = False

    def put(self, entry: Entry) -> None:
        self._answer()
        self.kept[entry.id] = entry

    def drop(self, ids: Iterable[int]) -> None:
        self._answer()
        for each in ids:
            del self.kept[each]

    def _answer(self) -> None:
        if self.away:
            raise ApiError(503, "ServiceUnavailable", "away")


# writing


def test_an_entry_is_on_the_disk_before_the_change_may_be_made(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_bytes()))
    journal.open("fault", HEAL, fault="kubelet_stop")
    assert json.loads(synced[-1].splitlines()[-1])["undo"] == {"op": "heal-node", "node": "worker"}


def test_what_is_not_mirrored_is_not_made_and_not_open(journal: Journal) -> None:
    copy = Copy()
    journal.mirror_to(copy)
    entry = journal.open("fault", HEAL)
    assert list(copy.kept) == [entry], "before open returned"
    journal.open("namespace", space("k"))
    assert list(copy.kept) == [entry], "labels find it"
    copy.away = True
    with pytest.raises(ApiError):
        journal.open("fault", HEAL)
    assert [e.what for e in journal.open_entries] == ["fault", "namespace"]
    journal.done(entry)
    assert [e.what for e in journal.open_entries] == ["namespace"], "a mirror that is away holds up no undo"


def test_a_mirror_that_comes_late_gets_what_is_open(journal: Journal) -> None:
    journal.done(journal.open("fault", HEAL))
    entry = journal.open("fault", HEAL)
    copy = Copy()
    journal.mirror_to(copy)
    assert list(copy.kept) == [entry]
    journal.done(entry)
    assert not copy.kept


def test_a_change_that_fails_half_way_stays_open_and_so_does_an_undo_that_fails(journal: Journal) -> None:
    with pytest.raises(KeyError), journal.change("fault", HEAL) as entry:
        raise KeyError
    with pytest.raises(KeyError), journal.undoing(entry):
        raise KeyError
    assert [e.id for e in journal.open_entries] == [entry]
    with journal.undoing(entry):
        pass
    assert not journal.open_entries


def test_one_undo_settles_all_that_it_takes_back(journal: Journal) -> None:
    for undo in (space("a"), space("b"), space("a")):
        journal.open("x", undo)
    journal.settle(space("a"))
    assert [e.undo for e in journal.open_entries] == [space("b")]


def test_the_last_word_is_said_only_when_nothing_is_open(path: Path) -> None:
    journal = Journal(path, run="r1")
    entry = journal.open("fault", HEAL)
    journal.close()
    assert not is_closed(path)
    again = Journal(path, run="r1")
    assert [e.id for e in again.open_entries] == [entry]
    assert again.nodes == {"worker"}
    again.done(entry, note="by hand")
    again.close("recovered")
    assert is_closed(path)
    assert read(path).closed


def test_a_journal_that_is_gone_on_with_counts_on(path: Path) -> None:
    for number in (1, 2, 3):
        journal = Journal(path, run="r1")
        assert journal.open("fault", HEAL) == number
        journal.close()
    assert len(path.read_text().splitlines()) == 4, "one header"


def test_the_journal_of_a_live_run_is_nobody_elses(journal: Journal, path: Path) -> None:
    with pytest.raises(InUseError, match="run r1 is alive"):
        Journal(path, run="r1")
    journal.open("fault", HEAL)
    assert len(read(path).open_entries) == 1, "but everybody may read it"


def test_a_full_disk_leaves_no_half_line(journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = journal.open("fault", HEAL)
    before = path.read_bytes()
    real = os.write

    def half(fd: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="full"):
        journal.open("fault", HEAL)
    journal.done(entry)
    assert path.read_bytes() == before
    monkeypatch.undo()
    journal.done(entry)
    assert not read(path).open


def test_threads_write_whole_lines_with_ids_in_order(journal: Journal, path: Path) -> None:
    def work() -> None:
        for _ in range(20):
            journal.done(journal.open("fault", HEAL))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = read(path)
    assert list(history.entries) == list(range(1, 161))
    assert not history.open


# reading


STEPS = st.lists(st.tuples(st.sampled_from("odsr"), st.integers(0, 5)), max_size=25)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_any_order_of_changes_and_undos_is_read_back_as_a_model_says(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.jsonl")
        journal = Journal(path, run="r1")
        model: dict[int, Undo] = {}
        count = 0
        for step, number in steps:
            match step:
                case "o":
                    count += 1
                    undo = HEAL if number == 0 else space(f"k{number}")
                    model[count] = undo
                    assert journal.open("x", undo, number=number) == count
                case "d":
                    journal.done(number)
                    model.pop(number, None)
                case "s":
                    journal.settle(space(f"k{number}"))
                    model = {i: u for i, u in model.items() if u != space(f"k{number}")}
                case _:
                    journal.close()
                    journal = Journal(path, run="r1")
        assert {e.id: e.undo for e in journal.open_entries} == model
        history = read(path)
        assert {e.id: e.undo for e in history.open_entries} == model
        assert len(history.entries) == count
        journal.close()
        assert read(path).closed is is_closed(path) is (not model)


@pytest.fixture
def long(path: Path) -> Path:
    journal = Journal(path, run="r1", cluster={"provider": "kind", "name": "ä"})
    first = journal.open("namespace", space("a"), note="ünïcode")
    journal.done(journal.open("fault", HEAL))
    journal.open("fault", HEAL)
    journal.done(first)
    os.close(journal._file)
    journal._file = -1
    return path


def test_a_journal_may_break_off_at_any_byte_and_be_gone_on_with(long: Path) -> None:
    data = long.read_bytes()
    whole = read(long)
    for length in range(len(data) + 1):
        long.write_bytes(data[:length])
        history = read(long)
        lines = data[:length].count(b"\n")
        assert (history.header is None) is (lines == 0)
        told = [json.loads(line) for line in data[:length].split(b"\n")[:lines]]
        ids = {line["id"] for line in told if "id" in line} - {i for line in told for i in line.get("done", ())}
        assert set(history.open) == ids
        assert all(history.entries[i] == whole.entries[i] for i in history.entries)
        journal = Journal(long, run="r1")
        journal.open("fault", HEAL)
        assert len(read(long).open) == len(ids) + 1
        os.close(journal._file)
        journal._file = -1


def test_a_bit_that_flips_is_named_by_file_and_line_or_changes_no_name_of_ours(long: Path) -> None:
    data = long.read_bytes()
    named = 0
    for place in range(len(data) - 1):
        broken = bytearray(data)
        broken[place] ^= 0x10
        long.write_bytes(broken)
        try:
            history = read(long)
        except UsageError as error:
            named += 1
            where = "journal.jsonl" if isinstance(error, OlderJournalError) else "journal.jsonl, line "
            assert where in error.message  # noqa: PT017 (either way is right)
        else:
            assert all(e.undo.op in {"delete-namespace", "heal-node"} for e in history.open_entries)
    assert named > len(data) // 3


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"schema": 2, "id": 9}', "schema 2; this podvow reads schema 1"),
        ("not json", "Expecting value"),
        ("[]", "an object was expected"),
        ('{"done": [77], "at_ns": 1, "note": ""}', "entry 77 is done and was never made"),
        ('{"done": 7, "at_ns": 1, "note": ""}', "done is no list"),
        ('{"closed": true, "at_ns": 1, "note": ""}', "closed although 3 are open"),
        ('{"closed": 1, "at_ns": 1, "note": ""}', "closed is not true"),
        ("[" * 5000, "recursion|Recursion"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(long: Path, line: str, why: str) -> None:
    with long.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UsageError, match=rf"journal.jsonl, line 7: .*({why})"):
        read(long)
    before = long.read_bytes()
    with pytest.raises(UsageError):
        Journal(long, run="r1")
    assert long.read_bytes() == before, "and nothing is lost"


def test_an_entry_that_is_there_twice_or_too_late_is_wrong(long: Path) -> None:
    entry = long.read_text().splitlines()[1]
    with long.open("a") as file:
        file.write(entry + "\n")
    with pytest.raises(UsageError, match="entry 1 is there twice"):
        read(long)
    first = {**json.loads(entry), "id": 0}
    long.write_text("\n".join([*long.read_text().splitlines()[:-1], json.dumps(first)]) + "\n")
    with pytest.raises(UsageError, match="entry 0 comes too late"):
        read(long)


def test_a_header_of_another_version_is_refused_and_an_older_journal_is_known(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"schema": 7, "run": "r1"}\n')
    with pytest.raises(UsageError, match="line 1: schema 7"):
        read(path)
    path.write_text('{"at_ns": 1, "what": "namespace", "undo": "delete namespace podvow-x"}\n')
    with pytest.raises(OlderJournalError):
        read(path)
    path.write_text('{"schema": 1, "run": "r1", "podvow": "1", "at_ns": 1, "cluster": {"name": 7}}\n')
    with pytest.raises(UsageError, match="the cluster's name is no text"):
        read(path)
    path.write_text('{"schema": 1, "run": "r1", "podvow": "1", "at_ns": 1}\n')
    with pytest.raises(UsageError, match="names no cluster"):
        read(path)


def test_a_file_that_is_none_or_much_too_large_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(path)
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(300 << 20)
    with pytest.raises(UsageError, match="larger than"):
        read(path)
    assert not is_closed(path)


# fault points


@pytest.mark.parametrize("text", ["x", "1:after", "1:later:SIGKILL", "a:after:SIGKILL", "1:after:SIGSTOP"])
def test_a_fault_point_that_is_none_is_refused_before_anything_is_made(
    path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(faultpoint.VARIABLE, text)
    with pytest.raises(UsageError, match="names no fault point"):
        Journal(path, run="r1")
    assert not path.exists()


_PROGRAM = """
import os, sys, threading, time
from pathlib import Path
from podvow.journal import faultpoint
from podvow.journal.log import Journal
from podvow.journal.undo import HealNode
path = Path(sys.argv[1])
journal = Journal(path, run="r1")
try:
    for number in (1, 2):
        with journal.change("fault", HealNode("worker")) as entry:
            faultpoint.midway()
            (path.parent / f"made-{number}").touch()
        with journal.undoing(entry):
            (path.parent / f"made-{number}").unlink()
    threading.Event().wait(20)
except KeyboardInterrupt:
    try:
        threading.Event().wait(20)
    except KeyboardInterrupt:
        sys.exit(99)
"""


@pytest.mark.parametrize("moment", faultpoint.MOMENTS)
def test_a_process_is_killed_exactly_at_its_fault_point(path: Path, moment: str) -> None:
    done = _program(path, f"2:{moment}:SIGKILL")
    assert done.returncode == -signal.SIGKILL
    history = read(path)
    assert history.open == (2,), "its undo is known"
    made = (path.parent / "made-2").exists()
    assert made is (moment in {"after", "undoing"})


@pytest.mark.parametrize(
    ("way", "code"), [("SIGTERM", -signal.SIGTERM), ("SIGHUP", -signal.SIGHUP), ("SIGINT2", 99)]
)
def test_other_signals_come_at_a_fault_point_too(path: Path, way: str, code: int) -> None:
    assert _program(path, f"1:before:{way}").returncode == code


def test_a_point_that_is_not_reached_does_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(faultpoint.VARIABLE, "5:before:SIGKILL")
    journal.done(journal.open("fault", HEAL))
    assert not journal.open_entries


def test_the_points_that_are_passed_can_be_listed(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(faultpoint.VARIABLE, f"{faultpoint.LIST}{tmp_path / 'points'}")
    faultpoint.check()
    faultpoint.midway()  # no change is being made
    with journal.change("fault", HEAL) as entry:
        faultpoint.midway()
    with journal.undoing(entry):
        pass
    assert (tmp_path / "points").read_text().split() == ["1:before", "1:midway", "1:after", "1:undoing", "1:undone"]


def test_a_change_that_fails_has_no_point_after_it(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(faultpoint.VARIABLE, f"{faultpoint.LIST}{tmp_path / 'points'}")
    with pytest.raises(ZeroDivisionError), journal.change("fault", HEAL):
        raise ZeroDivisionError
    faultpoint.midway()
    assert (tmp_path / "points").read_text().split() == ["1:before"]


def _program(path: Path, point: str) -> subprocess.CompletedProcess[Any]:
    env = {**os.environ, faultpoint.VARIABLE: point, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # Whoever runs the tests in the background ignores SIGINT.
    argv = ["env", "--default-signal=INT", sys.executable, "-c", _PROGRAM, str(path)]
    return subprocess.run(argv, env=env, check=False, timeout=60)
