from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from podvow.cluster import mounts, stages
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = {"version": "v1"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "stages" / "thing"


def fill(new: Path) -> None:
    (new / "sub").mkdir()
    (new / "sub" / "a").write_text("content")
    (new / "link").symlink_to("sub/a")


def test_a_stage_is_made_once(place: Path) -> None:
    assert stages.ensure(place, INPUTS, fill)
    assert not stages.ensure(place, INPUTS, lambda _: pytest.fail("made twice"))
    assert stages.is_complete(place, INPUTS)
    assert (place / "sub" / "a").read_text() == "content"


def test_other_inputs_replace_it_as_a_whole(place: Path) -> None:
    stages.ensure(place, INPUTS, fill)
    assert not stages.is_complete(place, {"version": "v2"})
    assert stages.ensure(place, {"version": "v2"}, lambda new: (new / "b").touch())
    assert sorted(path.name for path in place.iterdir()) == ["b", "stamp.json"]


def test_the_order_of_inputs_does_not_matter() -> None:
    assert stages.key_of({"a": 1, "b": 2}) == stages.key_of({"b": 2, "a": 1})


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_an_interruption_leaves_no_stamp_and_the_next_call_starts_clean(
    place: Path, interruption: type[BaseException]
) -> None:
    def half(new: Path) -> None:
        (new / "half").touch()
        raise interruption

    with pytest.raises(interruption):
        stages.ensure(place, INPUTS, half)
    assert not place.exists()
    assert stages.ensure(place, INPUTS, fill)
    assert not (place / "half").exists()


def test_an_interruption_leaves_what_was_there_before(place: Path) -> None:
    stages.ensure(place, INPUTS, fill)

    def half(_new: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stages.ensure(place, {"version": "v2"}, half)
    assert stages.is_complete(place, INPUTS)


def test_a_changed_file_is_noticed(place: Path) -> None:
    stages.ensure(place, INPUTS, fill)
    (place / "sub" / "a").write_text("CONTENT")
    assert stages.is_complete(place, INPUTS, thorough=False)
    assert not stages.is_complete(place, INPUTS)


@pytest.mark.parametrize("harm", ["missing", "shorter"])
def test_a_missing_or_cut_off_file_is_noticed_without_reading_it(place: Path, harm: str) -> None:
    stages.ensure(place, INPUTS, fill)
    if harm == "missing":
        (place / "sub" / "a").unlink()
    else:
        (place / "sub" / "a").write_text("")
    assert not stages.is_complete(place, INPUTS, thorough=False)


@pytest.mark.parametrize("stamp", ["", "{", "[]", "null", '{"key": 1}'])
def test_a_broken_stamp_is_no_stamp(place: Path, stamp: str) -> None:
    stages.ensure(place, INPUTS, fill)
    (place / "stamp.json").write_text(stamp)
    assert not stages.is_complete(place, INPUTS)
    assert stages.ensure(place, INPUTS, fill)


def test_two_at_once_make_it_once(place: Path) -> None:
    made: list[bool] = []
    count = [0]

    def slow(new: Path) -> None:
        count[0] += 1
        fill(new)

    threads = [threading.Thread(target=lambda: made.append(stages.ensure(place, INPUTS, slow))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == [1]
    assert sorted(made) == [False, False, False, True]


def test_what_is_mounted_below_is_found_innermost_first(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text("a /c/x proc rw\nb /c/x/y\\040z sys rw\nc /cc/x proc rw\nd /c ext4 rw\n")
    assert mounts.below(tmp_path.__class__("/c"), table) == ["/c/x/y z", "/c/x"]
    assert mounts.below(tmp_path, tmp_path / "none") == []
