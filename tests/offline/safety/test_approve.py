"""`podvow approve` as a person meets it, and what a run says of a cluster that is not approved."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podvow import session as session_module
from podvow.safety.approvals import Approvals
from tests.offline.api.stub import Stub, reply, status
from tests.offline.typed import Typed, type_in

UID = "5f8d1c9e-0000-4000-8000-000000000001"
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"


class Terminal:
    """A standard input that somebody sits at."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self, *_: Any) -> str:
        return f"{self.answer}\n"


@pytest.fixture
def server() -> Iterator[Stub]:
    with Stub() as stub:
        stub.always(KUBE_SYSTEM, reply({"metadata": {"name": "kube-system", "uid": UID}}))
        stub.always("/api/v1/nodes", reply({"items": [{}, {}, {}]}))
        yield stub


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run the command in this process, with a configuration folder and a folder of reports of its own."""
    monkeypatch.setenv("PODVOW_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(session_module, "REPORTS", tmp_path / "reports")

    def run(*words: str) -> tuple[int, str]:
        code, told = type_in(monkeypatch, capsys, *words)
        assert "secret" not in told, "the token of the kubeconfig"
        return code, told

    return run


@pytest.fixture
def which(server: Stub, tmp_path: Path) -> list[str]:
    return ["--kubeconfig", str(server.kubeconfig(tmp_path)), "--context", "stub"]


def test_what_is_approved_is_said_in_words_and_the_cluster_is_only_read(
    typed: Typed, which: list[str], server: Stub
) -> None:
    code, told = typed("approve", *which, "--days", "7", "--yes")
    assert code == 0
    for words in (UID, f"http://127.0.0.1:{server.port}", "v1.37.2, 3 nodes", "until", "may not go onto its nodes"):
        assert words in told
    assert "WARNING: the server's certificate is not verified" in told
    assert {seen.verb for seen in server.seen} == {"GET"}
    (approval,) = Approvals().all()
    assert (approval.uid, approval.node_faults, approval.context) == (UID, False, "stub")
    assert (approval.expires - approval.approved).days == 7


def test_the_second_grant_is_said_to_reach_every_pod(typed: Typed, which: list[str]) -> None:
    code, told = typed("approve", *which, "--node-faults", "--yes")
    assert code == 0
    assert "EVERY Pod" in told
    assert "podvow sees no way onto the nodes" in told
    assert Approvals().all()[0].node_faults


def test_without_a_terminal_nothing_is_approved_unless_yes_is_said(typed: Typed, which: list[str]) -> None:
    code, told = typed("approve", *which)
    assert (code, "--yes" in told, UID in told) == (2, True, True)
    assert Approvals().all() == ()


@pytest.mark.parametrize(("answer", "approved"), [("y", 1), ("n", 0), ("", 0)])
def test_on_a_terminal_the_answer_counts(
    typed: Typed, which: list[str], monkeypatch: pytest.MonkeyPatch, answer: str, approved: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    code, told = typed("approve", *which)
    assert len(Approvals().all()) == approved
    assert code == (0 if approved else 2), told
    assert "Approve this cluster?" in told


def test_approvals_are_listed_and_taken_back(typed: Typed, which: list[str]) -> None:
    assert "nothing is approved" in typed("approve", "--list")[1]
    typed("approve", *which, "--yes")
    code, told = typed("approve", "--list")
    assert (code, UID in told, "no node faults" in told, "stub" in told) == (0, True, True, True)
    assert typed("approve", "--revoke", "stub")[0] == 0
    assert Approvals().all() == ()
    assert typed("approve", "--revoke", "stub")[0] == 2


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--context", "stub"],
        ["--kubeconfig", "config"],
        ["--list", "--revoke", "x"],
        ["--list", "--context", "stub"],
        ["--days", "0"],
        ["--days", "9999"],
    ],
    ids=" ".join,
)
def test_what_is_missing_or_too_much_is_named(typed: Typed, words: list[str]) -> None:
    code, told = typed("approve", *words)
    assert (code, "error: " in told) == (2, True)


def test_a_cluster_that_does_not_tell_its_uid_cannot_be_approved(
    typed: Typed, which: list[str], server: Stub
) -> None:
    server.always(KUBE_SYSTEM, status(403, "Forbidden", "not for you"))
    code, told = typed("approve", *which, "--yes")
    assert (code, "get the namespace kube-system" in told) == (3, True)


def test_a_run_on_a_cluster_that_is_not_approved_is_refused_with_the_command_to_type(
    typed: Typed, which: list[str], server: Stub, tmp_path: Path
) -> None:
    code, told = typed("run", *which)
    assert code == 3
    assert f"podvow approve --kubeconfig {which[1]} --context stub" in told
    assert UID in told
    assert {seen.path for seen in server.seen} == {"/version", KUBE_SYSTEM}, "it was only asked who it is"
    assert not list((tmp_path / "reports" / "runs").iterdir())


def test_a_run_on_an_approved_cluster_goes_on_to_the_other_checks(
    typed: Typed, which: list[str], server: Stub
) -> None:
    typed("approve", *which, "--yes")
    server.always("/api/v1/nodes", reply({"items": []}))
    code, told = typed("run", *which)
    assert code == 3
    assert "no node is ready" in told
    assert server.count("/api/v1/nodes") > 1


@pytest.mark.parametrize("spoil", ["expired", "other", "broken", "writable"])
def test_a_run_is_refused_when_the_approval_does_not_hold(
    typed: Typed, which: list[str], server: Stub, spoil: str
) -> None:
    typed("approve", *which, "--yes")
    path = Approvals().path
    raw = json.loads(path.read_text())
    expected = 3
    match spoil:
        case "expired":
            raw["approvals"][0].update(approved="2026-01-01T00:00:00Z", expires="2026-01-02T00:00:00Z")
            path.write_text(json.dumps(raw))
        case "other":
            server.always(KUBE_SYSTEM, reply({"metadata": {"uid": "of-another-cluster"}}))
        case "broken":
            path.write_text(path.read_text()[:-20])
            expected = 2
        case _:
            path.chmod(0o666)
            expected = 2
    code, told = typed("run", *which)
    assert code == expected
    assert "→" in told
    assert {seen.verb for seen in server.seen} == {"GET"}
