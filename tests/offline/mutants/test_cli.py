"""`podvow mutants`: what its options mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from podvow import session as sessions
from podvow.cli import app
from podvow.errors import UsageError
from podvow.mutants import command, host, lanes, matrix
from podvow.mutants.campaign import Wish
from podvow.mutants.score import Fate, Result, Score
from podvow.mutants.share import Place
from podvow.session import Session

CLI = CliRunner()
ONLY = ["mutants", "run", "--only", "no-backoff"]


def outcome() -> command.Outcome:
    result = Result("no-backoff", "title", False, Fate.SURVIVED, "all holds")
    return command.Outcome(("w", "c"), ("v1.37.2",), ("ab",), (), (), (result,), Score(0, 1, ""), 1.0)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked for; nothing is run."""
    told: list[Any] = []

    def one(session: Session, wish: Wish, *_: object) -> command.Outcome:
        told.extend([session.name, [d.id for d in wish.mutants]])
        return outcome()

    def several(session: Session, wish: Wish, where: Sequence[Place], *_: object, **__: object) -> matrix.Told:
        told.extend([[place.label for place in where], [d.id for d in wish.mutants]])
        return matrix.told(outcome(), run=session.run_id, started=session.started)

    def places(runs: Sequence[Session], _: object) -> list[Place]:
        names = [session.name for session in runs]
        return [Place("wide", "w2"), Place("wide", "w3")] if names == ["wide"] else [Place(name) for name in names]

    monkeypatch.setenv("PODVOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "run", one)
    monkeypatch.setattr(host, "places", places)
    monkeypatch.setattr(lanes, "run", several)
    monkeypatch.setattr(sessions, "new_session", lambda **fields: Session("r", tmp_path, **fields))
    return told


def test_the_claims_that_no_mutant_tries_are_listed() -> None:
    done = CLI.invoke(app, ["mutants", "list", "--untried"])
    assert done.exit_code == 0
    assert "validation.names.are-dns-labels " in done.stdout
    assert "failure.backoff.curve" not in done.stdout, "no-backoff is to be noticed by it"


def test_without_a_name_it_is_the_profile_s_cluster(asked: list[Any], tmp_path: Path) -> None:
    done = CLI.invoke(app, [*ONLY, "--json", str(tmp_path / "more.json")])
    assert asked == ["podvow", ["no-backoff"]]
    assert done.exit_code == 1, "it survived"
    assert "0 of 1 mutants killed, 1 s on w, c (v1.37.2)" in done.output
    assert matrix.read(tmp_path / "more.json") == matrix.read(tmp_path / matrix.FILE)


def test_one_name_is_one_cluster_and_several_are_lanes(asked: list[Any]) -> None:
    CLI.invoke(app, [*ONLY, "--name", "a"])
    CLI.invoke(app, [*ONLY, "--name", "a", "--name", "b"])
    assert asked == ["a", ["no-backoff"], ["a", "b"], ["no-backoff"]]


def test_several_workers_for_faults_are_lanes(asked: list[Any]) -> None:
    CLI.invoke(app, [*ONLY, "--name", "wide"])
    assert asked == [["w2", "w3"], ["no-backoff"]]


def test_a_cluster_whose_programs_another_command_swaps_is_refused(asked: list[Any]) -> None:
    with host.alone(["b"]):
        refused = CLI.invoke(app, [*ONLY, "--name", "a", "--name", "b"])
    assert isinstance(refused.exception, UsageError)
    assert refused.exception.message == "another `podvow mutants run` swaps programs of b"
    assert not asked
    CLI.invoke(app, [*ONLY, "--name", "b"])
    assert asked == ["b", ["no-backoff"]]


def test_the_list_says_which_program_a_mutant_is_in() -> None:
    said = CLI.invoke(app, ["mutants", "list"]).output
    (line,) = [line for line in said.splitlines() if line.startswith("scheduler-overlooks-inits ")]
    assert " mutant " in line
    assert " kube-scheduler " in line
