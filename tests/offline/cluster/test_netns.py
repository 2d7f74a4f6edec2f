from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podvow.cluster import netns
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kernel:
    """Which namespace the thread is in, and how often it was moved."""

    def __init__(self) -> None:
        self.here = "home"
        self.moves: list[str] = []

    def setns(self, descriptor: int) -> None:
        self.here = "ours" if Path(f"/proc/self/fd/{descriptor}").readlink() == netns.path() else "home"
        self.moves.append(self.here)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    fake = Kernel()
    netns._DIR.mkdir()
    netns.path().touch()
    monkeypatch.setattr(netns, "_setns", fake.setns)
    monkeypatch.setattr(netns, "inside", lambda: fake.here == "ours")
    yield fake
    for descriptor in netns._home:
        os.close(descriptor)


def test_entering_twice_moves_once(kernel: Kernel) -> None:
    netns.enter()
    netns.enter()
    assert kernel.moves == ["ours"]
    assert len(netns._home) == 1


def test_leaving_returns_to_where_the_thread_came_from(kernel: Kernel) -> None:
    netns.enter()
    netns.leave()
    netns.enter()
    assert kernel.moves == ["ours", "home", "ours"]
    assert len(netns._home) == 1


def test_outside_goes_home_for_a_while_even_when_the_work_fails(kernel: Kernel) -> None:
    netns.enter()

    def work() -> None:
        with netns.outside():
            assert kernel.here == "home"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert kernel.here == "ours"


def test_outside_does_nothing_for_who_never_entered(kernel: Kernel) -> None:
    with netns.outside():
        pass
    netns.leave()
    assert kernel.moves == []


def test_a_file_that_a_reboot_left_is_no_namespace() -> None:
    netns._DIR.mkdir()
    netns.path().touch()
    assert not netns.exists()
    assert not netns.inside()
