"""Clusters that the user approved, with an end: one file in the user's configuration folder.

Whatever is wrong with the file approves nothing.
"""

from __future__ import annotations

import os
import secrets
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from podvow.errors import NotApprovedError, UsageError
from podvow.paths import config_dir
from podvow.safety.identity import Identity

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_DAYS = 30
LONGEST_DAYS = 366
_SKEW = timedelta(minutes=5)
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_SHORTEST_UID = 8


class Approval(BaseModel):
    """What the user allowed on one cluster.

    Attributes:
        uid: UID of its namespace kube-system.
        server: its address.
        authority: its certificate authority.
        context: how the kubeconfig called it when it was approved; for people only.
        version: what it ran then; for people only.
        nodes: how many nodes it had then; for people only.
        approved: when it was approved.
        expires: when that ends.
        node_faults: whether podvow may go onto its nodes and disturb them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    uid: str = Field(min_length=1)
    server: str = Field(min_length=1)
    authority: str = Field(min_length=1)
    context: str
    version: str = ""
    nodes: int = Field(default=0, ge=0)
    approved: AwareDatetime
    expires: AwareDatetime
    node_faults: bool = False

    @model_validator(mode="after")
    def _check(self) -> Approval:
        _ = self.identity
        if self.expires - self.approved > timedelta(days=LONGEST_DAYS):
            raise ValueError(f"an approval lasts {LONGEST_DAYS} days at most")
        return self

    @property
    def identity(self) -> Identity:
        """The cluster."""
        return Identity.from_json({"uid": self.uid, "server": self.server, "authority": self.authority})

    def ended(self, now: datetime) -> str:
        """Say why it does not hold now; empty when it does."""
        if now >= self.expires:
            return f"the approval ended at {self.expires:%Y-%m-%d %H:%M %Z}"
        if now < self.approved - _SKEW:
            return f"the approval begins at {self.approved:%Y-%m-%d %H:%M %Z} only: is this machine's clock right?"
        return ""


class _Store(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1] = Field(default=1, alias="schema")
    approvals: tuple[Approval, ...] = ()


class Approvals:
    """The file of approvals.

    Args:
        path: the file; by default the user's.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or config_dir() / "approvals.json"

    def all(self) -> tuple[Approval, ...]:
        """Return all approvals, those that have ended too.

        Raises:
            UsageError: the file is broken, of another version, or others than its owner may write it.
        """
        try:
            with self.path.open("rb") as handle:
                about = os.fstat(handle.fileno())
                data = handle.read()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._broken(str(error)) from error
        if about.st_mode & _OTHERS_MAY_WRITE or about.st_uid not in {0, os.geteuid()}:
            raise UsageError(
                f"others than you may write {self.path}, so nothing in it counts as approved",
                hint=f"look at what is in it, then: chmod 600 {self.path}",
            )
        try:
            return _Store.model_validate_json(data).approvals
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self._broken(f"{where + ': ' if where else ''}{first['msg']}") from error

    def _broken(self, why: str) -> UsageError:
        return UsageError(
            f"the approvals in {self.path} cannot be read, so nothing is approved: {why}",
            hint="mend the file, or remove it and approve your clusters again",
        )

    def permit(self, identity: Identity, *, command: str, now: datetime | None = None) -> Approval:
        """Return the approval of a cluster.

        Args:
            identity: the cluster as it was found.
            command: the command that approves it, for the hint.
            now: the time; by default the clock's.

        Raises:
            NotApprovedError: there is none that holds now.
            UsageError: the file is broken.
        """
        listed = self.all()
        now = now or datetime.now(UTC)
        found = next((each for each in listed if each.identity == identity), None)
        if found is not None:
            if ended := found.ended(now):
                raise NotApprovedError(f"{identity} may not be used: {ended}", hint=command)
            return found
        for each in listed:
            if each.uid == identity.uid or each.server == identity.place.server:
                text = f"{identity} is not the one that was approved as {each.context!r}"
                raise NotApprovedError(
                    f"{text}: {identity.other_than(each.identity)}", hint=f"if that is meant: {command}"
                )
        raise NotApprovedError(f"{identity} is not approved", hint=command)

    def add(self, approval: Approval) -> None:
        """Store an approval; it takes the place of an earlier one of the same cluster.

        Raises:
            UsageError: the file is broken.
        """
        with self._lock():
            kept = [each for each in self.all() if each.identity != approval.identity]
            self._write((*kept, approval))

    def revoke(self, name: str) -> Approval:
        """Remove the approval of a cluster, which need not be there any more.

        Args:
            name: context, address, UID, or at least eight characters of the UID's beginning.

        Returns:
            What was removed.

        Raises:
            UsageError: none or several are meant.
        """
        with self._lock():
            listed = self.all()
            hit = [each for each in listed if _is_called(each, name)]
            if len(hit) != 1:
                text = f"{name!r} names {'several approvals' if hit else 'no approval'}"
                uids = ", ".join(f"{each.uid} ({each.context})" for each in (hit or listed))
                raise UsageError(text, hint=f"name one by its UID: {uids}" if uids else "podvow approve --list")
            self._write(tuple(each for each in listed if each is not hit[0]))
            return hit[0]

    def _lock(self) -> FileLock:
        return FileLock(self.path.with_name(f".{self.path.name}.lock"), mode=0o600)

    def _write(self, approvals: tuple[Approval, ...]) -> None:
        """Write the file whole or not at all, for the user alone."""
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        data = _Store(approvals=approvals).model_dump_json(by_alias=True, indent=1).encode() + b"\n"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _is_called(approval: Approval, name: str) -> bool:
    by_uid = len(name) >= _SHORTEST_UID and approval.uid.startswith(name)
    return by_uid or name in {approval.uid, approval.context, approval.server}
