from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podvow.errors import UsageError
from podvow.timeline import Meta, Record, Source, Timeline, load, save, shape
from podvow.timeline.record import Kind

FAST = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.text(max_size=10)


def _least(shape: Any) -> Any:
    """Return the smallest value of a shape."""
    match shape:
        case dict():
            return {key[:-1]: _least(inner) for key, inner in shape.items() if str(key).endswith("!")}
        case list():
            return []
        case frozenset() | tuple():
            return _least(shape[0]) if isinstance(shape, tuple) else min(shape)
        case _:
            return shape(1)


def _said(kind: Kind, more: dict[str, Any]) -> tuple[Kind, dict[str, Any]]:
    known = {key.removesuffix("!") for key in shape._DATA[kind]}
    return kind, {**{k: v for k, v in more.items() if k not in known}, **_least(shape._DATA[kind])}


SAID = st.builds(_said, st.sampled_from(Kind), st.dictionaries(NAMES, JSON, max_size=3))
RECORDS = st.builds(
    lambda said, **of: Record(kind=said[0], data=said[1], **of),
    said=SAID,
    t_ns=st.integers(0, 2**62),
    precision_ns=st.integers(0, 10**9),
    seq=st.integers(0, 10**6),
    source=st.sampled_from(Source),
    pod=NAMES,
    uid=NAMES,
    container=NAMES,
)
METAS = st.builds(
    Meta,
    scenario=NAMES,
    pod=NAMES,
    windows=st.dictionaries(NAMES, st.floats(0, 1e6), max_size=2),
    sources=st.lists(st.sampled_from([str(s) for s in Source]), max_size=3),
    images=st.dictionaries(NAMES, NAMES, max_size=2),
)
META = {"schema": 1, "scenario": "a.b.c"}
LINE = {"t": 1, "p": 0, "seq": 1, "source": "trace", "kind": "said", "data": {"n": 1, "text": "ü\u2028"}}


@given(meta=METAS, records=st.lists(RECORDS, max_size=5))
@FAST
def test_what_is_loaded_equals_what_was_saved(meta: Meta, records: list[Record], tmp_path: Path) -> None:
    timeline = Timeline(meta, records)
    path = tmp_path / "deep" / "e.jsonl"
    save(timeline, path)
    assert load(path) == timeline
    assert [p.name for p in path.parent.iterdir()] == ["e.jsonl"]


def _file(folder: Path, *lines: Any) -> Path:
    path = folder / "e.jsonl"
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"".join(text + b"\n" for text in texts))
    return path


def test_an_older_file_without_a_count_is_read(tmp_path: Path) -> None:
    assert len(load(_file(tmp_path, META, LINE)).records) == 1


@pytest.mark.parametrize(
    ("lines", "number", "why"),
    [
        pytest.param([META, LINE, b'{"t": 1, "p"'], 3, "no podvow evidence", id="cut in a line"),
        pytest.param([{**META, "records": 3}, LINE, LINE], 3, "cut off", id="cut between lines"),
        pytest.param([META, LINE, b'{"t": "\xff"}'], 3, "no podvow evidence", id="not UTF-8"),
        pytest.param([b"\xff\xfe\x00"], 1, "no podvow evidence", id="binary"),
        pytest.param([{**META, "schema": 2}], 1, "schema 2", id="newer schema"),
        pytest.param([{"scenario": "x"}], 1, "schema None", id="no schema"),
        pytest.param([[1]], 1, "no podvow evidence", id="meta is a list"),
        pytest.param([7], 1, "no podvow evidence", id="meta is a number"),
        pytest.param([{"schema": 1}], 1, "scenario", id="meta without scenario"),
        pytest.param([{**META, "colour": "red"}], 1, "colour", id="meta with an unknown field"),
        pytest.param([{**META, "sources": 7}], 1, "no podvow evidence", id="sources are no list"),
        pytest.param([META, b""], 2, "no podvow evidence", id="blank line"),
        pytest.param([META, b"# comment"], 2, "no podvow evidence", id="no JSON"),
        pytest.param([META, "text"], 2, "no podvow evidence", id="record is a text"),
        pytest.param([META, {**LINE, "t": "soon"}], 2, "line.t is no whole number", id="time is a word"),
        pytest.param([META, b'{"t": 1e999, "p": 0}'], 2, "no podvow evidence", id="endless time"),
        pytest.param([META, {**LINE, "source": "rumour"}], 2, "rumour", id="unknown source"),
        pytest.param([META, {**LINE, "kind": "sung"}], 2, "sung", id="unknown kind"),
        pytest.param([META, {k: v for k, v in LINE.items() if k != "seq"}], 2, "seq", id="no seq"),
        pytest.param([META, {**LINE, "data": 3}], 2, "no podvow evidence", id="data is a number"),
        pytest.param([META, b"[" * 100_000], 2, "no podvow evidence", id="very deep"),
    ],
)
def test_what_is_no_evidence_is_named_with_its_line(
    tmp_path: Path, lines: list[Any], number: int, why: str
) -> None:
    path = _file(tmp_path, *lines)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{number}: ")
    assert why in str(caught.value)


def test_an_empty_file_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"e\.jsonl: empty"):
        load(_file(tmp_path))


def test_a_missing_file_and_a_folder_are_named_with_a_hint(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(UsageError, match="evidence file") as caught:
            load(path)
        assert str(path) in caught.value.message


@given(st.binary(max_size=60))
@FAST
def test_garbage_is_never_more_than_a_usage_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "g.jsonl"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"g\.jsonl"):
        load(path)


def test_a_file_that_cannot_be_written_whole_does_not_appear(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    good = Timeline(Meta("good"), [])
    save(good, path)
    bad = Timeline(Meta("bad"), [Record(1, 0, 1, Source.TRACE, Kind.SAID, data={"text": object()})])
    with pytest.raises(TypeError):
        save(bad, path)
    assert load(path) == good
    assert not list(tmp_path.glob("other*"))
    with pytest.raises(TypeError):
        save(bad, tmp_path / "other.jsonl")
    assert not list(tmp_path.glob("*other.jsonl"))
    assert [p.name for p in tmp_path.iterdir()] == ["e.jsonl"], "nothing half written stays behind"
