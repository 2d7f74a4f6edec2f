"""Every reader of files: what is damaged is refused with a clear error or read, and nothing else ever happens.

A small share of `make fuzz`, the same files every time.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podvow.errors import UsageError
from tests.fuzz import damage
from tests.fuzz.engine import attempt, fuzz, valid_samples
from tests.fuzz.readers import READERS, Reader

FAST = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=5
)
by_name = pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"),
    reason="the time limit needs signals",
)


def test_the_valid_files_are_read(tmp_path: Path) -> None:
    assert {name: wrong for name, wrong in valid_samples(tmp_path) if wrong} == {}


def test_damaged_files_are_refused_or_read_and_nothing_else(tmp_path: Path) -> None:
    report = fuzz(tmp_path, rounds=3)
    assert [f"{f.reader}, {f.kind}: {f.what}" for f in report.findings] == []
    assert report.totals["tried"] == 3 * sum(len(list(damage.kinds_for(r.form))) for r in READERS)
    assert report.totals["refused"] > report.totals["read"] > 0, "the damage is real, and not everything is fatal"


@by_name
@given(data=st.data())
@FAST
def test_any_node_may_be_any_json_value(tmp_path: Path, reader: Reader, data: st.DataObject) -> None:
    name, valid = next(iter(reader.samples()))
    documents = damage.parse(valid, reader.form)
    where = damage.places(documents)
    holder, key = where[data.draw(st.integers(0, len(where) - 1), label="place")]
    holder[key] = data.draw(JSON, label="value")
    try:
        text = damage.write(documents, reader.form)
    except (UnicodeEncodeError, ValueError):
        return  # no such file can be written
    _, wrong = attempt(reader, tmp_path / name, text)
    assert wrong == ""


@by_name
def test_a_file_cut_off_anywhere_is_refused_or_read(tmp_path: Path, reader: Reader) -> None:
    name, valid = next(iter(reader.samples()))
    step = max(1, len(valid) // 60)
    for end in range(0, len(valid), step):
        _, wrong = attempt(reader, tmp_path / name, valid[:end])
        assert wrong == "", f"cut after {end} bytes"


@pytest.mark.parametrize("bad", damage.HOSTILE_YAML, ids=lambda b: b[:30].decode(errors="replace"))
def test_hostile_yaml_is_never_executed_and_never_explodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    for reader in READERS:
        if reader.form == "yaml":
            _, wrong = attempt(reader, tmp_path / "bad.yaml", bad)
            assert wrong == "", reader.name


def test_a_finding_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The net catches: a reader that fails, executes, changes its file, or says nothing useful is a finding."""
    monkeypatch.chdir(tmp_path)

    def broken(path: Path) -> Any:
        raise KeyError(path)

    def executing(_: Path) -> Any:
        Path(damage.CANARY).touch()

    def writing(path: Path) -> Any:
        path.write_text("")

    def mumbling(_: Path) -> Any:
        raise UsageError("something is wrong")

    whats = []
    for read in (broken, executing, writing, mumbling):
        reader = Reader("r", "json", list, read)
        whats.append(attempt(reader, tmp_path / "file", b"{}")[1])
    assert [what.split(":")[0] for what in whats] == [
        "KeyError",
        "the file was executed",
        "the file was changed",
        "the error does not name the file",
    ]
