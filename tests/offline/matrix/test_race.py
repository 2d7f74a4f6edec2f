"""Runs side by side with a stand-in for podvow: contained failures, ends that are passed on and waited for."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from podvow import interrupts, session
from podvow.errors import ExitCode
from podvow.matrix import command
from podvow.matrix.target import Target
from tests.offline.history.nights import results
from tests.offline.typed import type_in

CHILD = """
import json, os, pathlib, signal, sys, time
options = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
folder = pathlib.Path(os.environ["PODVOW_RUNS"]) / os.environ["PODVOW_RUN_ID"]
print("options", *sys.argv[1:], flush=True)
if "found" in options:
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(options["found"])
if "sleeps" in options:
    def undo(*_):
        print("undone", flush=True)
        sys.exit(130)
    signal.signal(signal.SIGTERM, undo)
    print("up", flush=True)
    pathlib.Path(options["sleeps"]).touch()
    time.sleep(600)
if "dies" in options:
    os.kill(os.getpid(), signal.SIGKILL)
if "says" in options:
    print(options["says"])
sys.exit(int(options.get("code", 0)))
"""
Run = Callable[..., tuple[ExitCode, Path]]


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PODVOW_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def child(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "child.py"
    path.write_text(CHILD)
    return (sys.executable, str(path))


@pytest.fixture
def run(tmp_path: Path, child: tuple[str, ...]) -> Run:
    def call(targets: dict[str, list[str]], *options: str) -> tuple[ExitCode, Path]:
        place = tmp_path / "matrix"
        code = command.run(
            [Target(label, tuple(words)) for label, words in targets.items()], options, place, command=child
        )
        (folder,) = place.iterdir()
        return code, folder

    return call


def found(signs: dict[str, str], **about: object) -> str:
    return f"--found={json.dumps(results(1, signs, **about))}"


def test_each_cluster_is_a_run_of_its_own_with_the_same_options(run: Run) -> None:
    code, folder = run({"a": ["--name=a"], "f:x/y": ["--context=x/y"]}, "--area=ordering", "--up")
    assert code is ExitCode.CLUSTER, "they left no results"
    logs = sorted(folder.glob("*.log"))
    assert [log.name for log in logs] == ["1-a.log", "2-f-x-y.log"]
    assert [log.read_text() for log in logs] == [
        "options --name=a --area=ordering --up\n",
        "options --context=x/y --area=ordering --up\n",
    ]


def test_what_becomes_of_one_run_is_nothing_to_the_others(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    code, folder = run({
        "good": [found({"a.b.c": "+", "a.b.d": "+"})],
        "bad": [found({"a.b.c": "x", "a.b.d": "+"}, version="v1.38.0"), "--code=1"],
        "away": ["--says=error: the cluster does not answer", "--code=3"],
        "dead": ["--dies=1"],
        "half": ['--found={"schema": 1'],
    })  # fmt: skip
    assert code is ExitCode.VIOLATED
    told = json.loads((folder / "matrix.json").read_text())
    assert [(c["label"], c["exit_code"]) for c in told["clusters"]] == [
        ("good", 0), ("bad", 1), ("away", 3), ("dead", -9), ("half", 0),
    ]  # fmt: skip
    whys = [c["why"] for c in told["clusters"]]
    assert whys[:3] == ["", "", "no results: the cluster does not answer"]
    assert "no file of results" in whys[4]
    assert told["claims"][0] == {
        "id": "a.b.c",
        "differs": True,
        "verdicts": {
            "good": "holds",
            "bad": "violated",
            "away": "not-judged",
            "dead": "not-judged",
            "half": "not-judged",
        },
    }
    out = capsys.readouterr().out
    assert "bad: exit code 1, API server v1.38.0, kubelets v1.38.0" in out
    assert "1 of 2 claims came out alike" in out
    for page in ("index.html", "matrix.md"):
        text = (folder / page).read_text()
        assert "the cluster does not answer" in text
        assert text.index("a.b.c") < text.index("a.b.d"), "what differs comes first"
    assert "runs/" in (folder / "index.html").read_text()


def test_a_run_without_results_fails_the_matrix_although_its_code_is_0(run: Run) -> None:
    code, folder = run({"a": [found({"a.b.c": "+"})], "b": ['--found={"schema": 1']})
    assert json.loads((folder / "matrix.json").read_text())["exit_code"] == code == ExitCode.CLUSTER


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_who_asks_it_to_end_asks_every_run_and_each_undoes_its_own(
    run: Run, tmp_path: Path, asked: signal.Signals
) -> None:
    interrupts.install()
    flags = [tmp_path / "up-a", tmp_path / "up-b"]

    def ask() -> None:
        while not all(flag.exists() for flag in flags):
            threading.Event().wait(0.05)
        os.kill(os.getpid(), asked)

    thread = threading.Thread(target=ask)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run({"a": [f"--sleeps={flags[0]}"], "b": [found({"a.b.c": "+"}), f"--sleeps={flags[1]}"]})
    thread.join()
    (folder,) = (tmp_path / "matrix").iterdir()
    assert all((folder / f"{n}.log").read_text().endswith("up\nundone\n") for n in ("1-a", "2-b"))
    told = json.loads((folder / "matrix.json").read_text())
    assert [(c["exit_code"], c["complete"]) for c in told["clusters"]] == [(130, False), (130, True)]


def test_the_id_that_a_run_is_given_is_taken_once(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(session.GIVEN_ID, "1126-aa-1")
    assert session.new_session().folder == runs / "1126-aa-1"
    assert session.new_session().run_id != "1126-aa-1"


# As it is typed


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--cluster", "a", "--cluster", "a"], "--cluster a twice"),
        (["--cluster", "a", "--name", "b"], "--cluster excludes --name"),
        (["--cluster", "a", "--resume", "x"], "--cluster excludes --resume"),
        (["--cluster", ":c"], "names no cluster"),
        (["--cluster", "f:"], "names no cluster"),
        (["--cluster", "no-such-file:c"], "there is no kubeconfig"),
        (["--cluster", "a", "--claim", "no.such.claim"], "no claim 'no.such.claim'"),
    ],
)
def test_what_is_typed_wrong_begins_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    monkeypatch.setattr(command, "run", lambda *_: pytest.fail("begun"))
    code, told = type_in(monkeypatch, capsys, "run", *words)
    assert (code, why in told) == (2, True), told


KUBECONFIG = """
clusters: [{name: k, cluster: {server: "https://a.example:6443"}}]
contexts: [{name: "arn:aws:x", context: {cluster: k, user: u}}, {name: other, context: {cluster: k, user: u}}]
users: [{name: u, user: {}}]
"""


def test_two_names_of_one_cluster_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "k").write_text(KUBECONFIG)
    code, told = type_in(
        monkeypatch, capsys, "run", f"--cluster={tmp_path}/k:arn:aws:x", f"--cluster={tmp_path}/k:other"
    )
    assert (code, "are the same cluster" in told) == (2, True)


def test_the_other_options_go_on_to_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "k").write_text(KUBECONFIG)
    seen: list[object] = []

    def run(*given: object) -> ExitCode:
        seen.extend(given[:2])
        return ExitCode.INCONCLUSIVE

    monkeypatch.setattr(command, "run", run)
    words = [f"--cluster={tmp_path}/k:arn:aws:x", "--cluster=b", "-k", "not slow", "-n2", "--up", "--area=ordering"]
    code, _ = type_in(monkeypatch, capsys, "run", *words)
    targets = (
        Target(f"{tmp_path}/k:arn:aws:x", (f"--kubeconfig={tmp_path}/k", "--context=arn:aws:x")),
        Target("b", ("--provider=kind", "--name=b")),
    )
    assert code == 4
    assert seen == [targets, ["--area=ordering", "-knot slow", "-n2", "--up"]]
