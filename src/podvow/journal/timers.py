"""Timers that faults arm on nodes to heal them if the harness dies: found and disarmed by their name."""

from __future__ import annotations

from podvow.faults.base import FaultContext

UNIT = "podvow-heal"
_FOLDERS = "/etc/systemd/system/ /run/systemd/system/"
LIST = f'for d in {_FOLDERS}; do for f in "$d"{UNIT}*; do [ -e "$f" ] && echo "timer $f"; done; done'
"""Shell lines that print each unit file of a timer."""
_DISARM = (
    f'set --; for d in {_FOLDERS}; do for f in "$d"{UNIT}*; do [ -e "$f" ] && set -- "$@" "$f"; done; done; '
    '[ $# -gt 0 ] || exit 0; for f in "$@"; do systemctl disable --now "${f##*/}"; done >/dev/null 2>&1; '
    'rm -rf "$@"; systemctl daemon-reload'
)


def disarm(context: FaultContext) -> None:
    """Stop and remove the node's timers; harmless when there is none."""
    context.nodes.exec(context.node, ["sh", "-c", _DISARM])
