"""Several places side by side: real processes, one of which each plays a place."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from podvow.errors import ExitCode, UsageError
from podvow.mutants import lanes
from podvow.mutants.campaign import Wish
from podvow.mutants.definition import DEFINITIONS, load
from podvow.mutants.matrix import Told
from podvow.mutants.score import Fate
from podvow.mutants.share import Place
from podvow.session import Session

OURS = load(DEFINITIONS)
TWO = [definition for definition in OURS if definition.id in {"no-backoff", "parallel-inits"}]


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_MODULE", "tests.offline.mutants.player")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    folder = tmp_path / "r"
    folder.mkdir()
    return Session("r", folder)


def at(*clusters: str) -> list[Place]:
    return [Place(cluster) for cluster in clusters]


def test_each_cluster_runs_its_share_and_the_results_are_one(session: Session) -> None:
    said: list[str] = []
    kept: list[Told] = []
    wish = Wish(TWO, OURS, OURS)
    done = lanes.run(session, wish, at("a", "b"), DEFINITIONS, say=said.append, keep=kept.append)
    assert sorted(said) == ["a: ran no-backoff", "b: ran parallel-inits"]
    assert [(each.id, each.fate) for each in done.mutants] == [
        ("no-backoff", Fate.KILLED),
        ("parallel-inits", Fate.KILLED),
    ]
    assert done.score.exit_code is ExitCode.OK
    assert done.node == "a-worker2, b-worker2"
    assert len(kept) == 2, "what is known is kept with each word of a cluster"
    assert sorted(path.name for path in session.folder.parent.iterdir()) == ["r", "r-a", "r-b"]


def test_a_cluster_that_cannot_be_used_makes_it_void(session: Session) -> None:
    wish = Wish(TWO, OURS, OURS)
    done = lanes.run(session, wish, at("a", "away"), DEFINITIONS, say=lambda _: None, keep=lambda _: None)
    assert [each.fate for each in done.mutants] == [Fate.KILLED, Fate.INCONCLUSIVE]
    assert done.score.void == "away: error: there is no cluster 'away'"
    assert done.score.exit_code is ExitCode.INCONCLUSIVE


def test_workers_of_one_cluster_are_places_and_its_control_plane_comes_after_them(session: Session) -> None:
    three = [*TWO, *(definition for definition in OURS if definition.id == "init-image-fixed")]
    said: list[str] = []
    workers = [Place("a", "a-worker2"), Place("a", "a-worker3")]
    wish = Wish(three, three, three)
    done = lanes.run(session, wish, workers, DEFINITIONS, say=said.append, keep=lambda _: None)
    assert sorted(said[:2]) == ["a-worker2: ran no-backoff", "a-worker3: ran parallel-inits"]
    assert said[2:] == ["a: ran init-image-fixed"]
    assert [(each.id, each.fate) for each in done.mutants] == [(each.id, Fate.KILLED) for each in three]
    assert done.score.exit_code is ExitCode.OK


def test_more_clusters_than_mutants_leave_some_idle(session: Session) -> None:
    wish = Wish(TWO, TWO, TWO)
    done = lanes.run(session, wish, at("a", "b", "away"), DEFINITIONS, say=lambda _: None, keep=lambda _: None)
    assert not done.score.void


@pytest.fixture
def heeding() -> Iterator[None]:
    """Heed Ctrl-C, which a shell lets what it starts in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding")
def test_ctrl_c_lets_every_cluster_take_back_what_was_done(session: Session) -> None:
    main = threading.main_thread().ident
    assert main is not None

    def say(line: str) -> None:
        if line == "slow: at work":
            signal.pthread_kill(main, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        lanes.run(session, Wish(TWO, OURS, OURS), at("a", "slow"), DEFINITIONS, say=say, keep=lambda _: None)
    assert (session.folder.with_name("r-b") / "taken-back").exists()


def test_more_clusters_than_can_be_told_apart_are_refused(session: Session) -> None:
    many = at(*(f"c{number}" for number in range(27)))
    with pytest.raises(UsageError, match="27 parts"):
        lanes.run(session, Wish(OURS, OURS, OURS), many, DEFINITIONS, say=lambda _: None, keep=lambda _: None)


def test_a_cluster_that_is_named_twice_is_refused(session: Session) -> None:
    with pytest.raises(UsageError, match="named twice"):
        lanes.run(
            session, Wish(TWO, OURS, OURS), at("a", "a"), DEFINITIONS, say=lambda _: None, keep=lambda _: None
        )
    assert [path.name for path in session.folder.parent.iterdir()] == ["r"]
