"""The store of approvals: written whole and for the user alone; whatever is wrong with it approves nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podvow.errors import NotApprovedError, UsageError
from podvow.safety.approvals import Approval, Approvals
from podvow.safety.identity import Identity

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CA = f"sha256:{'a' * 64}"
IDENTITY = Identity.from_json({"uid": "uid-one-1", "server": "https://one:6443", "authority": CA})
COMMAND = "podvow approve --kubeconfig f --context c"


def approval(**fields: Any) -> Approval:
    facts: dict[str, Any] = {
        **IDENTITY.to_json(),
        "context": "one",
        "approved": NOW,
        "expires": NOW + timedelta(days=30),
    }
    return Approval(**{**facts, **fields})


@pytest.fixture
def store(tmp_path: Path) -> Approvals:
    return Approvals(tmp_path / "approvals.json")


def permit(store: Approvals, identity: Identity = IDENTITY, now: datetime = NOW) -> Approval:
    return store.permit(identity, command=COMMAND, now=now)


def test_what_is_approved_is_permitted_until_it_ends(store: Approvals) -> None:
    store.add(approval())
    assert permit(store) == approval()
    assert permit(store, now=NOW + timedelta(days=30, seconds=-1)) == approval()
    with pytest.raises(NotApprovedError, match="ended at 2026-12-23 12:00 UTC") as caught:
        permit(store, now=NOW + timedelta(days=30))
    assert caught.value.hint == COMMAND
    assert caught.value.exit_code == 3


def test_an_approval_of_the_future_does_not_hold(store: Approvals) -> None:
    store.add(approval())
    assert permit(store, now=NOW - timedelta(minutes=1))
    with pytest.raises(NotApprovedError, match="clock"):
        permit(store, now=NOW - timedelta(days=1))


def test_nothing_is_approved_by_silence(store: Approvals) -> None:
    with pytest.raises(NotApprovedError, match=r"https://one:6443.*uid-one-1.*is not approved") as caught:
        permit(store)
    assert COMMAND in str(caught.value)
    assert not store.path.exists()


@pytest.mark.parametrize("field", ["uid", "server", "authority"])
def test_another_identity_is_not_approved_and_the_difference_is_named(store: Approvals, field: str) -> None:
    store.add(approval())
    value = (
        f"sha256:{'b' * 64}" if field == "authority" else "https://two:6443" if field == "server" else "uid-two-2"
    )
    other = Identity.from_json({**IDENTITY.to_json(), field: value})
    with pytest.raises(NotApprovedError) as caught:
        permit(store, other)
    assert "not the one that was approved as 'one'" in caught.value.message
    assert value in caught.value.message
    assert str(IDENTITY.to_json()[field]) in caught.value.message


def test_approving_again_replaces_the_grant(store: Approvals) -> None:
    store.add(approval(node_faults=True))
    store.add(approval(uid="uid-two-2"))
    store.add(approval())
    assert not permit(store).node_faults
    assert len(store.all()) == 2


def test_the_file_is_the_users_alone_and_holds_the_schema(store: Approvals) -> None:
    store.add(approval())
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert json.loads(store.path.read_text())["schema"] == 1
    assert [path.name for path in store.path.parent.iterdir() if not path.name.startswith(".")] == [store.path.name]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_approves_nothing(store: Approvals, mode: int) -> None:
    store.add(approval())
    store.path.chmod(mode)
    with pytest.raises(UsageError, match=r"others than you may write[\s\S]*chmod 600"):
        permit(store)


def _set(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw["approvals"][0].update(fields)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw.update(schema=2),
        lambda raw: raw.pop("schema") and raw.update(schema="1"),
        lambda raw: raw.update(approvals={}),
        lambda raw: raw.update(more=1),
        lambda raw: raw["approvals"][0].pop("uid"),
        _set(uid=""),
        _set(node_faults="yes"),
        _set(node_faults=1),
        _set(expires="soon"),
        _set(expires="2027-01-01T00:00:00"),
        _set(expires="2999-01-01T00:00:00Z"),
        _set(authority="mine"),
        _set(allow="everything"),
    ],
)
def test_a_broken_file_is_named_and_approves_nothing(store: Approvals, spoil: Callable[[Any], object]) -> None:
    store.add(approval())
    raw = json.loads(store.path.read_text())
    spoil(raw)
    store.path.write_text(json.dumps(raw))
    for use in (lambda: permit(store), store.all, lambda: store.add(approval()), lambda: store.revoke("one")):
        with pytest.raises(UsageError, match="cannot be read, so nothing is approved") as caught:
            use()
        assert str(store.path) in str(caught.value)
        assert caught.value.exit_code == 2
    assert json.loads(store.path.read_text()) == raw, "and it is left for the user to look at"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_a_file_that_was_cut_off_or_scrambled_approves_nothing(store: Approvals, data: st.DataObject) -> None:
    store.path.unlink(missing_ok=True)
    store.add(approval())
    whole = store.path.read_bytes().strip()
    cut = data.draw(st.integers(0, len(whole) - 1))
    junk = data.draw(st.binary(max_size=8))
    store.path.write_bytes(whole[:cut] + junk)
    if not json_or_none(whole[:cut] + junk):
        with pytest.raises(UsageError):
            permit(store)


def json_or_none(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


@pytest.mark.parametrize("name", ["one", "uid-one-1", "uid-one-", "https://one:6443"])
def test_an_approval_is_revoked_by_any_name_of_the_cluster(store: Approvals, name: str) -> None:
    store.add(approval())
    store.add(approval(uid="uid-two-2", server="https://two:6443", context="two"))
    assert store.revoke(name).uid == "uid-one-1"
    assert [each.uid for each in store.all()] == ["uid-two-2"]


@pytest.mark.parametrize("name", ["three", "uid", "uid-one-2"])
def test_a_name_that_names_no_approval_removes_none(store: Approvals, name: str) -> None:
    store.add(approval())
    with pytest.raises(UsageError, match=r"names no approval[\s\S]*uid-one-1"):
        store.revoke(name)
    assert len(store.all()) == 1


def test_a_name_of_several_approvals_removes_none(store: Approvals) -> None:
    store.add(approval())
    store.add(approval(uid="uid-two-2"))
    with pytest.raises(UsageError, match=r"several approvals[\s\S]*uid-one-1[\s\S]*uid-two-2"):
        store.revoke("one")
    assert len(store.all()) == 2


def test_many_who_approve_at_once_lose_nothing(store: Approvals) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Approvals(store.path).add(approval(uid=f"uid-{n:05}")), range(24)))
    assert len(store.all()) == 24


def test_the_users_file_lies_in_the_configuration_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PODVOW_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert Approvals().path == tmp_path / "config" / "podvow" / "approvals.json"
    assert stat.S_IMODE((tmp_path / "config" / "podvow").stat().st_mode) == 0o700
