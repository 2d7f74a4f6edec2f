"""The pytest plugin: inert by itself, and stored evidence judged again gives the verdicts that it gave."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from podvow.claims import load_register
from podvow.errors import ExitCode
from podvow.paths import ROOT, SUITES
from podvow.run import exit_code, pytest_main
from podvow.session import Session, load_judged
from podvow.verdict import Verdict

DATA = Path(__file__).parent / "data"
TOOLS = "isolation.a-tool-of-the-init-image-is-not-in-the-app"
NETWORK = "ordering.network-is-ready-before-the-first-init-container-starts"
REFUTED = "seed.seed-pod-information-is-initialised-only-after-all-inits"
EXPECTED = {TOOLS: Verdict.HOLDS, NETWORK: Verdict.HOLDS, REFUTED: Verdict.VIOLATED}
STORED = {TOOLS: DATA / "tools.jsonl", NETWORK: DATA / "network.jsonl"}


def _session(folder: Path, stored: dict[str, Path]) -> Session:
    session = Session("r1", folder, replay={name: str(path) for name, path in stored.items()})
    for part in ("evidence", "verdicts"):
        (folder / part).mkdir()
    session.save()
    return session


def _options(session: Session) -> list[str]:
    file = session.folder / "session.json"
    return [str(SUITES), f"--rootdir={ROOT}", f"--podvow-session={file}", "-q", "--no-header", "--tb=short"]


def _verdicts(session: Session) -> dict[str, Verdict]:
    return {j.scenario: j.verdict for j in load_judged(session)}


def test_without_a_session_the_plugin_is_inert(capsys: pytest.CaptureFixture[str]) -> None:
    code = pytest.main([str(SUITES / "isolation"), f"--rootdir={ROOT}", "-q", "-x", "--no-header"])
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "suites judge a real cluster: use `podvow run` or `podvow replay FILE`" in capsys.readouterr().out


def test_stored_evidence_is_judged_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = _session(tmp_path, STORED)
    code = pytest.main(_options(session))
    told = capsys.readouterr().out
    assert _verdicts(session) == EXPECTED
    assert code == pytest.ExitCode.OK, "what only the seed says fails no run"
    assert "2 passed" in told
    assert "1 refuted" in told
    refuted = next(j for j in load_judged(session) if j.scenario == REFUTED)
    assert refuted.claims == ("seed.pod-information.initialised-after-inits",)
    assert "own=" in refuted.message


def test_evidence_that_says_otherwise_is_a_violation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mutant = tmp_path / "mutant.jsonl"
    text = (DATA / "tools.jsonl").read_text()
    assert text.count('"tool=127"') == 1
    mutant.write_text(text.replace('"tool=127"', '"tool=0"'))
    session = _session(tmp_path, {TOOLS: mutant})
    assert pytest.main(_options(session)) == pytest.ExitCode.TESTS_FAILED
    (result,) = load_judged(session)
    assert result.verdict is Verdict.VIOLATED
    told = capsys.readouterr().out
    assert "isolation.images.tools-stay-in-init" in told
    assert "Traceback" not in told
    assert "NotHeldError" not in told


def test_a_violation_that_the_register_expects_passes_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mutant = tmp_path / "mutant.jsonl"
    mutant.write_text((DATA / "tools.jsonl").read_text().replace('"tool=127"', '"tool=0"'))
    session = _session(tmp_path, {TOOLS: mutant})
    register = load_register(SUITES / "claims.yaml")
    told = [
        c.model_copy(update={"expected": {">=1.29": "violated"}}) if c.area == "isolation" else c
        for c in register.claims
    ]
    knowing = register.model_copy(update={"claims": tuple(told)})
    monkeypatch.setattr("podvow.pytest_plugin.load_register", lambda _: knowing)
    options = [str(SUITES / "isolation"), *_options(session)[1:]]
    assert pytest.main(options) == pytest.ExitCode.OK
    (result,) = load_judged(session)
    assert (result.verdict, result.known) == (Verdict.VIOLATED, True)
    assert exit_code([result], knowing, leaks=[]) is ExitCode.OK
    assert "1 documentation conflict" in capsys.readouterr().out


def test_a_cluster_that_cannot_be_used_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _session(tmp_path, {})
    session = Session("r1", tmp_path, provider="existing", kubeconfig=str(tmp_path / "nosuch"), context="c")
    session.save()
    assert pytest.main([*_options(session), "-k", "a_tool_of"]) == pytest.ExitCode.USAGE_ERROR
    captured = capsys.readouterr()
    told = captured.out + captured.err
    assert str(tmp_path / "nosuch") in told
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    assert not load_judged(session)


def test_several_processes_come_to_the_same_verdicts(tmp_path: Path) -> None:
    session = _session(tmp_path, STORED)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *_options(session), "-n", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert _verdicts(session) == EXPECTED


@pytest.mark.parametrize("failure", [None, KeyboardInterrupt], ids=["done", "interrupted"])
def test_the_descriptor_of_the_view_lasts_as_long_as_pytest_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: type[BaseException] | None
) -> None:
    given: list[int] = []

    def main(options: list[str]) -> int:
        (view,) = [o.removeprefix("--podvow-view=") for o in options if o.startswith("--podvow-view=")]
        given.append(int(view))
        assert os.fstat(given[0]), "open while it is needed"
        if failure:
            raise failure
        return 0

    monkeypatch.setattr(pytest, "main", main)
    with pytest.raises(failure) if failure else contextlib.nullcontext():
        pytest_main(_session(tmp_path, STORED), [])
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(given[0])


def test_only_the_tests_that_are_asked_for_are_judged(tmp_path: Path) -> None:
    session = dataclasses.replace(_session(tmp_path, STORED), only=(NETWORK,))
    session.save()
    assert pytest.main(_options(session)) == pytest.ExitCode.OK
    assert set(_verdicts(session)) == {NETWORK}


@pytest.mark.parametrize(
    ("until", "judged"),
    [
        (("isolation.images.tools-stay-in-init",), {TOOLS}),
        (("ordering.network.before-inits",), {TOOLS, NETWORK, REFUTED}),
    ],
)
def test_a_run_ends_with_the_violation_that_it_waits_for(
    tmp_path: Path, until: tuple[str, ...], judged: set[str]
) -> None:
    mutant = tmp_path / "mutant.jsonl"
    mutant.write_text((DATA / "tools.jsonl").read_text().replace('"tool=127"', '"tool=0"'))
    session = dataclasses.replace(_session(tmp_path, {**STORED, TOOLS: mutant}), until=until)
    session.save()
    code = pytest.main(_options(session))
    assert set(_verdicts(session)) == judged
    assert (code == pytest.ExitCode.INTERRUPTED) is (until[0].startswith("isolation"))
