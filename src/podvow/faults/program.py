"""A program that is put onto a node, whole or not at all; nothing runs it yet."""

from __future__ import annotations

import re

from podvow.cluster.node import put_program
from podvow.errors import InjectionError
from podvow.faults.base import FaultContext

_NAMES = re.compile(r"[a-z0-9][a-z0-9-]*(,[a-z0-9][a-z0-9-]*)*")
_COPY_S = 300.0


def put(context: FaultContext, path: str, program: bytes, digest: str) -> bool:
    """Copy a program onto the node unless it is there.

    Args:
        context: names the node.
        path: where it goes.
        program: the program.
        digest: its SHA-256.

    Returns:
        Whether it had to be copied.
    """
    there = context.nodes.exec(context.node, ["sha256sum", path], check=False, timeout_s=_COPY_S)
    if there.code == 0 and there.stdout.decode(errors="replace").split()[0] == digest:
        return False
    put_program(context.nodes, context.node, path, program, timeout_s=_COPY_S)
    return True


def check_names(value: str) -> None:
    """Refuse a value that would be more than names of mutants with commas between; empty is none.

    Raises:
        InjectionError: it is something else.
    """
    if value and not _NAMES.fullmatch(value):
        raise InjectionError(f"no name of a mutant: {value!r}")
