"""The errors that a user of podvow meets, each with its exit code and with what to do next."""

from __future__ import annotations

from enum import IntEnum

from podvow.redact import clean


class ExitCode(IntEnum):
    """Exit codes of `podvow run` (a stable contract, see docs/results.md)."""

    OK = 0
    VIOLATED = 1
    USAGE = 2
    CLUSTER = 3
    INCONCLUSIVE = 4
    LEAK = 5


def _printable(text: str) -> str:
    """Return a text that does not steer the terminal: what files and servers say is quoted in errors."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


class PodvowError(Exception):
    """An error that ends the command; printed as one message without a traceback.

    Args:
        message: what is wrong, naming the thing.
        hint: what the reader can do about it.
    """

    exit_code = ExitCode.CLUSTER

    def __init__(self, message: str, *, hint: str = "") -> None:
        # A refusal may quote what was sent, a plug-in what it answered: nothing secret may reach a terminal.
        message = _printable(clean(message))
        super().__init__(message)
        self.message = message
        self.hint = _printable(clean(hint))

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


class UsageError(PodvowError):
    """Wrong options, a broken fixture, a broken claims register."""

    exit_code = ExitCode.USAGE


class ClusterUnusableError(PodvowError):
    """The cluster, its engine or its images cannot be used (unreachable, not ready, not permitted)."""

    exit_code = ExitCode.CLUSTER


class InjectionError(PodvowError):
    """A fault could not be injected; the scenario's verdict becomes not-injected."""

    exit_code = ExitCode.INCONCLUSIVE


class IdentityError(ClusterUnusableError):
    """The cluster is not the one that podvow may touch, or is so no longer: nothing is injected, the run stops."""


class NotApprovedError(IdentityError):
    """Nobody approved the cluster, the approval has ended, or it does not cover what was to be done."""
