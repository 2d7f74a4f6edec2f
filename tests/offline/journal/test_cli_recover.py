from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from podvow import cli_recover
from podvow.cli import app
from podvow.cluster import kind
from podvow.errors import UsageError
from podvow.journal.entry import Header
from podvow.journal.reach import Target, target_of
from podvow.journal.recover import Wanted
from podvow.journal.report import Report, Told


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    found: list[Wanted] = []

    def command(wanted: Wanted, *, say: Callable[[str], None]) -> Report:
        say("working")
        found.append(wanted)
        return Report(runs=[Told("r1", "kind cluster podvow", undone=["node worker: healed"])], leaks=["a thing"])

    monkeypatch.setattr(cli_recover, "command", command)
    monkeypatch.setattr(kind, "known", lambda: ["other", "podvow"])
    return found


def test_the_default_looks_at_the_default_cluster_and_at_every_journal(asked: list[Wanted]) -> None:
    result = CliRunner().invoke(app, ["recover"])
    assert result.exit_code == 5
    assert result.stdout.splitlines() == [
        "run r1 on kind cluster podvow: everything is taken back (0.0 s)",
        "  node worker: healed",
        "LEAK: a thing",
    ]
    here = Target("kind", "podvow")
    assert asked == [Wanted("", (here,), optional=frozenset({here}))]


def test_options_name_a_run_and_clusters(asked: list[Wanted]) -> None:
    runner = CliRunner()
    runner.invoke(app, ["recover", "--all", "--run", "r1"])
    runner.invoke(app, ["recover", "--name", "other"])
    result = runner.invoke(app, ["recover", "--kubeconfig", "f", "--context", "c", "--json"])
    assert json.loads(result.stdout)["leaks"] == ["a thing"]
    assert [(w.run, [str(t) for t in w.targets], w.only_targets) for w in asked] == [
        ("r1", ["kind cluster other", "kind cluster podvow"], False),
        ("", ["kind cluster other"], True),
        ("", ["c of f"], True),
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["--kubeconfig", "f"],
        ["--context", "c"],
        ["--all", "--name", "x"],
        ["--name", "x", "--kubeconfig", "f", "--context", "c"],
    ],
)
def test_options_that_contradict_each_other_are_refused(asked: list[Wanted], options: list[str]) -> None:
    result = CliRunner().invoke(app, ["recover", *options])
    assert isinstance(result.exception, UsageError)
    assert not asked


def test_a_journal_names_its_cluster() -> None:
    def header(**cluster: Any) -> Header:
        return Header("r1", "0", 1, cluster)

    assert target_of(header(provider="kind", name="x", context="kind-x")) == Target("kind", "x")
    existing = header(provider="existing", name="n", kubeconfig="f", context="c")
    assert target_of(existing) == Target("existing", "", "f", "c")
    with pytest.raises(UsageError, match="does not say on which cluster"):
        target_of(header(provider="existing", kubeconfig="f"))
