"""The dead-man timer of a node: armed before a fault, it heals the node from within if whoever armed it dies.

The node's part is `fixtures/scripts/dead_man.sh`; why it looks like this is told in
docs/decisions/0007-dead-man-timer.md.
"""

from __future__ import annotations

import re
from functools import cache

from podvow.cluster.node import NodeAccess
from podvow.errors import InjectionError
from podvow.paths import FIXTURES

UNIT = "podvow-heal.timer"
"""The timer's unit on the node; `podvow-heal.service` is what it starts."""
_PARTS = "/etc/systemd/system/podvow-heal.* /etc/podvow"
LIST = f'for f in {_PARTS}; do [ -e "$f" ] && echo "timer $f"; done'
"""Shell line that prints what is there of a timer."""
_RUN = 'f=$(mktemp) || exit; cat >"$f" && sh "$f" "$@"; code=$?; rm -f "$f"; exit "$code"'
_WORD = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_NAME = re.compile(_WORD)
_RESOURCE = re.compile(f"({_WORD}/)?{_WORD}")
_HEAL_S = 120.0


@cache
def _script() -> bytes:
    return (FIXTURES / "scripts" / "dead_man.sh").read_bytes()


def _named(*names: str) -> None:
    """Refuse what would become something else in a unit file or in a file's name.

    Raises:
        InjectionError: one is no name.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise InjectionError(f"no name for a dead-man timer: {name!r}")


def _call(access: NodeAccess, node: str, *words: str, timeout_s: float = 30.0) -> bool:
    argv = ["sh", "-c", _RUN, "sh", *words]
    return access.exec(node, argv, stdin=_script(), timeout_s=timeout_s).stdout.startswith(b"armed")


def arm(access: NodeAccess, node: str, holder: str, seconds: float, *, resource: str = "") -> bool:
    """Let a node heal itself after a while; armed again, it counts anew.

    Args:
        access: way onto the node.
        node: its name, of the machine and in the API.
        holder: the run that needs it; the timer stays until no run does.
        seconds: after which the node is healed; counted anew after a reboot.
        resource: an extended resource that is about to be put on the Node's status, to be taken off too.

    Returns:
        Whether this holder had armed it before and it has not gone off since.

    Raises:
        InjectionError: a name is none.
        CommandError: the node refused, or does not answer.
    """
    _named(node, holder)
    if resource and not _RESOURCE.fullmatch(resource):
        raise InjectionError(f"no name of a resource: {resource!r}")
    return _call(access, node, "arm", node, holder, str(max(1, round(seconds))), resource)


def disarm(access: NodeAccess, node: str, holder: str = "") -> bool:
    """Let go of a node's timer; harmless when it was never armed.

    Args:
        access: way onto the node.
        node: its name.
        holder: the run that needs it no more; empty takes the timer away whoever holds it.

    Returns:
        Whether this holder's timer was still counting.

    Raises:
        CommandError: the node does not answer.
    """
    if holder:
        _named(holder)
    return _call(access, node, "disarm", holder)


def heal(access: NodeAccess, node: str, holder: str = "") -> None:
    """Do at once what the timer would do in the end; it need not be armed.

    Args:
        access: way onto the node.
        node: its name.
        holder: heals only the static Pods and resources of this run, and leaves the timer to the others.

    Raises:
        CommandError: something could not be healed, or the node does not answer.
    """
    _named(node, *([holder] if holder else []))
    _call(access, node, "heal", node, holder, timeout_s=_HEAL_S)


def is_armed(access: NodeAccess, node: str) -> bool:
    """Tell whether anybody's timer counts on a node, or its healing is not done yet.

    Raises:
        CommandError: the node does not answer.
    """
    argv = ["sh", "-c", "test -e /etc/podvow || systemctl is-active --quiet podvow-heal.timer podvow-heal.service"]
    return access.exec(node, argv, check=False).code == 0
