"""Runs other programs: argument vectors only, output captured, every child known and killable.

Must not build shell lines, and must not know what a failure means: callers that do raise an error with a hint
instead.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from podvow.errors import ClusterUnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_children: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_TAIL = 2000
_NOT_STARTED = 127


class CommandError(ClusterUnusableError):
    """A program ended with a non-zero code, did not end in time, or could not be started.

    Attributes:
        argv: what was run.
        code: its exit code; 127 when it could not be started (as shells say), None after a timeout.
        output: the end of what it wrote.
    """

    def __init__(self, argv: Sequence[str], code: int | None, output: bytes) -> None:
        self.argv = list(argv)
        self.code = code
        self.output = output.decode(errors="replace").strip()[-_TAIL:]
        end = "did not end in time" if code is None else f"ended with {code}"
        super().__init__(f"{shlex.join(self.argv[:12])} {end}: {self.output}")


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that ended."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """The standard output as stripped text."""
        return self.stdout.decode(errors="replace").strip()


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | IO[bytes] | None = None,
    timeout_s: float | None = None,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
) -> Ran:
    """Run a program to its end.

    Args:
        argv: program and arguments.
        stdin: bytes to feed, or an open file; nothing by default.
        timeout_s: kill it after that many seconds.
        check: raise on a non-zero code.
        env: variables on top of this process's own.
        cwd: its working folder.
        log: file that takes both of its outputs instead of capturing them.

    Returns:
        What it wrote and its code.

    Raises:
        CommandError: on a non-zero code (if `check`) or on a timeout.
    """
    with contextlib.ExitStack() as stack:
        out: int | IO[bytes] = stack.enter_context(log.open("ab")) if log else subprocess.PIPE
        source: int | IO[bytes] = subprocess.DEVNULL
        if isinstance(stdin, bytes):
            source = subprocess.PIPE
        elif stdin is not None:
            source = stdin
        child = spawn(
            argv,
            stdin=source,
            stdout=out,
            stderr=subprocess.STDOUT if log else subprocess.PIPE,
            env=env,
            cwd=cwd,
        )
        try:
            stdout, stderr = child.communicate(stdin if isinstance(stdin, bytes) else None, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            child.kill()
            stdout, stderr = child.communicate()
            raise CommandError(argv, None, (stdout or b"") + (stderr or b"")) from error
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            forget(child)
    if check and child.returncode != 0:
        said = (stderr or b"").strip() or (stdout or b"")
        if log:
            said = log.read_bytes()[-_TAIL:]
        raise CommandError(argv, child.returncode, said)
    return Ran(child.returncode, stdout or b"", stderr or b"")


def spawn(
    argv: Sequence[str],
    *,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = subprocess.PIPE,
    stderr: int | IO[bytes] | None = subprocess.PIPE,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    own_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program that `kill_children` will end; call `forget` when it is over.

    Args:
        argv: program and arguments.
        stdin: where it reads from.
        stdout: where it writes to.
        stderr: where it writes errors to.
        env: variables on top of this process's own.
        cwd: its working folder.
        own_session: whether a terminal's Ctrl-C does not reach it.

    Raises:
        CommandError: when there is no such program.
    """
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=own_session,
        )
    except OSError as error:
        raise CommandError(argv, _NOT_STARTED, str(error).encode()) from error
    with _lock:
        _children.add(child)
    return child


def forget(child: subprocess.Popen[bytes]) -> None:
    """Take a child that has ended off the list of those to kill."""
    with _lock:
        _children.discard(child)


def kill_children() -> None:
    """Kill what is still running of the programs that this process started (after Ctrl-C)."""
    with _lock:
        left = list(_children)
        _children.clear()
    for child in left:
        with contextlib.suppress(ProcessLookupError):
            child.kill()


def pipe(source: Sequence[str], sink: Sequence[str], *, timeout_s: float = 600.0) -> Ran:
    """Feed one program's output to another and wait for both.

    Returns:
        The sink's output.

    Raises:
        CommandError: when either fails.
    """
    first = spawn(source)
    try:
        ran = run(sink, stdin=first.stdout, timeout_s=timeout_s)
    except CommandError as error:
        first.kill()
        first.wait()
        said = first.stderr.read() if first.stderr else b""
        raise CommandError(error.argv, error.code, error.output.encode() + b" | " + said) from error
    finally:
        if first.stdout:
            first.stdout.close()
        forget(first)
    said = first.stderr.read() if first.stderr else b""
    if first.wait() != 0:
        raise CommandError(source, first.returncode, said)
    return ran
