"""Another kubelet on a node: a systemd drop-in names it; the node's own program and configuration are not touched.

Without the drop-in the node runs its own kubelet again, so taking it back is removing what was added.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from podvow.errors import InjectionError
from podvow.faults import program
from podvow.faults.base import FaultContext
from podvow.faults.upkeep import KUBELET, await_ready, node_clock, unit

DROP_IN = "/etc/systemd/system/kubelet.service.d/90-podvow-mutant.conf"
"""The drop-in; it comes after those of kubeadm and kind."""
FOLDER = "/var/lib/podvow-kubelet"
"""Where other kubelets lie on a node."""
LIST = f'[ -e {DROP_IN} ] && echo "kubelet {DROP_IN}"'
"""Shell line that prints the drop-in, if it is there."""
_ARGV = re.compile(r"argv\[\]=(\S+)((?: [\w$@%+=:,./{}-]+)*) ;")
_PANICS = "journalctl --unit=kubelet --output=cat --since=@$1 | grep -c -E '^(panic|fatal error): ' || true"


def path_of(digest: str) -> str:
    """Return where a kubelet with this SHA-256 lies on a node."""
    return f"{FOLDER}/{digest[:16]}/kubelet"


def put(context: FaultContext, binary: bytes, digest: str) -> bool:
    """Copy a kubelet onto the node unless it is there; nothing runs it yet. See `program.put`."""
    return program.put(context, path_of(digest), binary, digest)


def choose(context: FaultContext, digest: str, variable: str, value: str) -> float:
    """Let the node run a kubelet that was put there, and wait until the node is ready with it.

    Args:
        context: names the node.
        digest: SHA-256 of the kubelet.
        variable: a variable of its environment.
        value: its value; empty for none.

    Returns:
        How long it took until the node was ready, in seconds.

    Raises:
        InjectionError: the node's unit cannot be understood, or it is not this kubelet that runs.
        NodeLostError: the node is not ready with it.
    """
    program.check_names(value)
    path = path_of(digest)
    lines = ["[Service]", "ExecStart=", f"ExecStart={_command(context, path)}"]
    lines += [f"Environment={variable}={value}"] if value else []
    script = 'mkdir -p "$(dirname "$1")" && cat >"$1.new" && mv "$1.new" "$1"'
    text = ("\n".join(lines) + "\n").encode()
    context.nodes.exec(context.node, ["sh", "-c", script, "sh", DROP_IN], stdin=text)
    ready_s = _restarted(context)
    if (runs := running(context)) != path:
        raise InjectionError(f"{context.node} runs {runs}, not {path}")
    told = context.nodes.exec(context.node, ["cat", f"/proc/{unit(context, KUBELET)['pid']}/environ"]).stdout
    if value and f"{variable}={value}".encode() not in told.split(b"\0"):
        raise InjectionError(f"the kubelet of {context.node} was not told {variable}={value}")
    return ready_s


def restore(context: FaultContext) -> str:
    """Let the node run its own kubelet again; does nothing where nothing is to be done.

    Returns:
        What was done, in words.

    Raises:
        NodeLostError: the node is not ready with it.
    """
    there = context.nodes.exec(context.node, ["test", "-e", DROP_IN], check=False).code == 0
    context.nodes.exec(context.node, ["rm", "-f", DROP_IN, f"{DROP_IN}.new"])
    if there or PurePosixPath(FOLDER) in PurePosixPath(running(context)).parents:
        _restarted(context)
        words = f"node {context.node} runs its own kubelet again"
    else:
        words = f"node {context.node} ran its own kubelet"
    context.nodes.exec(context.node, ["rm", "-rf", FOLDER])
    return words


def running(context: FaultContext) -> str:
    """Return the program that the node's kubelet is running from, empty when none runs."""
    pid = unit(context, KUBELET)["pid"]
    if not pid:
        return ""
    said = context.nodes.exec(context.node, ["readlink", f"/proc/{pid}/exe"], check=False)
    return said.stdout.decode(errors="replace").strip()


def panics(context: FaultContext, since_s: float) -> int:
    """Return how often the node's kubelet has crashed since a moment of the node's clock, by its own words.

    Args:
        context: names the node.
        since_s: the moment, in seconds since the epoch.
    """
    said = context.nodes.exec(context.node, ["sh", "-c", _PANICS, "sh", str(int(since_s))])
    return int(said.stdout.strip() or 0)


def _command(context: FaultContext, path: str) -> str:
    """Return the node's own command line with another program in it; its variables are systemd's to expand."""
    argv = ["systemctl", "show", KUBELET, "--property=ExecStart", "--value"]
    said = context.nodes.exec(context.node, argv).stdout.decode(errors="replace")
    found = _ARGV.search(said)
    if not found:
        raise InjectionError(f"the kubelet's unit of {context.node} cannot be understood: {said.strip()[:200]}")
    return path + found[2]


def _restarted(context: FaultContext) -> float:
    at_s = node_clock(context)
    context.nodes.exec(context.node, ["systemctl", "daemon-reload"])
    context.nodes.exec(context.node, ["systemctl", "reset-failed", KUBELET], check=False)
    context.nodes.exec(context.node, ["systemctl", "restart", KUBELET])
    return await_ready(context, at_s)
