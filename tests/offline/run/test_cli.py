"""What a person sees who types something wrong: one message that names it, no traceback, exit code 2."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

import podvow
from podvow import session as session_module
from tests.offline.typed import Typed, type_in

DATA = Path(__file__).parent / "data"


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run the command in this process; nothing of it is written to the checkout."""
    monkeypatch.setattr(session_module, "REPORTS", tmp_path / "reports")
    return partial(type_in, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["bogus"], "bogus"),
        (["run", "--bogus"], "--bogus"),
        (["run", "--per-node", "many"], "--per-node"),
        (["run", "--per-node", "0"], "--per-node"),
        (["run", "-n", "-1"], "-n"),
        (["run", "--provider", "cloud"], "unknown provider 'cloud'"),
        (["run", "--profile", "leisurely"], "unknown profile 'leisurely'"),
        (["run", "--kubeconfig", "f"], "needs --kubeconfig FILE and --context NAME"),
        (["run", "--context", "c"], "needs --kubeconfig FILE and --context NAME"),
        (["run", "--provider", "existing"], "needs --kubeconfig FILE and --context NAME"),
        (["run", "--provider", "kind", "--context", "c"], "belong to --provider existing"),
        (["run", "--claim", "no.such.claim"], "no claim 'no.such.claim' in the register"),
        (["run", "--claim", "no.such.claim", "--collect-only"], "no claim 'no.such.claim' in the register"),
        (["rbac", "--fence"], "--fence is for a run that stays inside"),
        (["rbac", "--markdown", "--check", "x"], "--markdown and --check exclude each other"),
        (["replay"], "files"),
        (["replay", "nosuch.jsonl"], "nosuch.jsonl: No such file"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(typed: Typed, words: list[str], why: str) -> None:
    code, told = typed(*words)
    assert code == 2
    assert "error: " in told
    assert why in told
    assert "→" in told, "and what to do about it"


@pytest.mark.parametrize("words", [[], ["mutants"]], ids=str)
def test_who_types_no_command_is_shown_which_there_are(typed: Typed, words: list[str]) -> None:
    code, told = typed(*words)
    assert code == 2
    assert "Usage: podvow" in told
    assert "error" not in told.lower()


def test_which_podvow_this_is(typed: Typed) -> None:
    assert typed("--version") == (0, f"podvow {podvow.__version__}\n")


def test_a_kubeconfig_that_is_not_there_and_a_context_that_is_not_in_it(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    code, told = typed("run", "--kubeconfig", str(file), "--context", "c")
    assert code == 2
    assert str(file) in told
    cluster = {"name": "x", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "x", "context": {"cluster": "x", "user": "x"}}
    file.write_text(
        json.dumps({"clusters": [cluster], "contexts": [context], "users": [{"name": "x", "user": {}}]})
    )
    code, told = typed("run", "--kubeconfig", str(file), "--context", "nowhere")
    assert code == 2
    assert "nowhere" in told


def test_evidence_that_is_none_is_named_with_its_line(typed: Typed, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    lines = (DATA / "tools.jsonl").read_bytes().splitlines(keepends=True)
    bad.write_bytes(b"".join((*lines[:4], lines[4][:20] + b"\n", *lines[5:])))
    code, told = typed("replay", str(bad))
    assert (code, f"{bad}:5: " in told) == (2, True)


def test_evidence_that_is_cut_off_is_judged_as_far_as_it_goes_and_stays_open(typed: Typed, tmp_path: Path) -> None:
    whole = (DATA / "tools.jsonl").read_bytes()
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    code, told = typed("replay", str(cut))
    assert code == 4
    assert f"{cut}: the evidence file is cut off after" in told
    assert "inconclusive   isolation.a-tool-of-the-init-image-is-not-in-the-app" in told
    assert cut.read_bytes() == whole[: len(whole) * 2 // 3], "what was read is left as it was"


def test_a_folder_without_evidence(typed: Typed, tmp_path: Path) -> None:
    code, told = typed("replay", str(tmp_path))
    assert (code, "no evidence files" in told) == (2, True)


def test_two_files_about_one_scenario_are_refused(typed: Typed, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes((DATA / "tools.jsonl").read_bytes())
    code, told = typed("replay", str(DATA / "tools.jsonl"), str(copy))
    assert (code, "both evidence of" in told) == (2, True)


def test_evidence_that_no_test_judges(typed: Typed, tmp_path: Path) -> None:
    first, _, rest = (DATA / "tools.jsonl").read_text().partition("\n")
    meta = {**json.loads(first), "scenario": "of.another-time"}
    (tmp_path / "old.jsonl").write_text(json.dumps(meta) + "\n" + rest)
    code, told = typed("replay", str(tmp_path))
    assert (code, "no test judges of.another-time" in told) == (2, True)


@pytest.mark.parametrize("selection", [["-k", "nothingatall"], ["--area", "nosuch"]], ids=" ".join)
def test_a_selection_that_matches_nothing(typed: Typed, tmp_path: Path, selection: list[str]) -> None:
    code, told = typed("run", *selection, "--collect-only")
    assert code == 2
    assert "matches no scenario" in told or "no claim is of an area" in told
    assert not (tmp_path / "reports").exists(), "a listing leaves no run behind"
