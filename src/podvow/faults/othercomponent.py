"""Another program in a static Pod of the control plane: its manifest names it, its image is not touched.

The node's own manifest is kept beside, and taking back is putting that file where it was, byte for byte. Everything
is done on the node: with the wrong program in the API server there is no other way.
"""

from __future__ import annotations

from dataclasses import dataclass

from podvow.errors import InjectionError
from podvow.faults import program
from podvow.faults.base import FaultContext
from podvow.faults.componentmanifest import swapped
from podvow.faults.controlplane import FOLDER, await_well, running

LIST = f'for f in {FOLDER}/*/own.yaml; do [ -e "$f" ] && echo "component $f"; done'
"""Shell line that prints the manifests that are kept: one for each component that runs another program."""
_MANIFESTS = "/etc/kubernetes/manifests"
_KEEP = 'mkdir -p "$(dirname "$2")" && cp -p "$1" "$2.new" && sync "$2.new" && mv "$2.new" "$2"'
# Through a file with a dot in front, which the kubelet does not read, in the same folder: the move is one step.
_WRITE = 'umask 077 && cat >"$1" && sync "$1" && mv "$1" "$2"'
_BACK = 'cp -p "$1" "$2" && sync "$2" && mv "$2" "$3" && rm -f "$1"'
_PANICS = (
    'since=$(date -d "@$2" +%Y-%m-%dT%H:%M:%S); cat /var/log/pods/kube-system_"$1"-*/"$1"/*.log 2>/dev/null | '
    """awk -v s="$since" '$1 >= s && ($4 == "panic:" || ($4 == "fatal" && $5 == "error:")) {n++} END {print n+0}'"""
)


@dataclass(frozen=True)
class _Place:
    """The files of a component on its node."""

    component: str

    @property
    def manifest(self) -> str:
        return manifest_of(self.component)

    @property
    def passing(self) -> str:
        return f"{_MANIFESTS}/.{self.component}.podvow"

    @property
    def folder(self) -> str:
        return f"{FOLDER}/{self.component}"

    @property
    def own(self) -> str:
        return f"{self.folder}/own.yaml"


def manifest_of(component: str) -> str:
    """Return where the manifest of a component lies on its node."""
    return f"{_MANIFESTS}/{component}.yaml"


def path_of(component: str, digest: str) -> str:
    """Return where a component's program with this SHA-256 lies on a node."""
    return f"{FOLDER}/{component}/{digest[:16]}/{component}"


def put(context: FaultContext, component: str, binary: bytes, digest: str) -> bool:
    """Copy a program onto the node unless it is there; nothing runs it yet. See `program.put`."""
    return program.put(context, path_of(component, digest), binary, digest)


def choose(context: FaultContext, component: str, digest: str, variable: str, value: str) -> float:
    """Let a component run from a program that was put there, and wait until the control plane works with it.

    Args:
        context: names the node of the control plane.
        component: one of `controlplane.COMPONENTS`.
        digest: SHA-256 of the program.
        variable: a variable of its environment.
        value: its value; empty for none.

    Returns:
        How long it took until it worked, in seconds.

    Raises:
        InjectionError: the manifest cannot be understood.
        NodeLostError: the control plane does not work with it.
    """
    program.check_names(value)
    place = _Place(component)
    own, path = _own(context, place), path_of(component, digest)
    text = swapped(own, component, path, variable, value)
    context.nodes.exec(context.node, ["sh", "-c", _WRITE, "sh", place.passing, place.manifest], stdin=text)
    return await_well(context, component, own, variable, f"{path} {value}")


def restore(context: FaultContext, component: str) -> str:
    """Let a component run its own program again; does nothing where nothing is to be done.

    Returns:
        What was done, in words.

    Raises:
        NodeLostError: the control plane does not work with it.
    """
    place = _Place(component)
    kept = context.nodes.exec(context.node, ["cat", place.own], check=False)
    words = f"{component} of node {context.node} ran its own program"
    if kept.code == 0:
        argv = ["sh", "-c", _BACK, "sh", place.own, place.passing, place.manifest]
        context.nodes.exec(context.node, argv)
        words = f"{component} of node {context.node} runs its own program again"
    if kept.code == 0 or any(FOLDER in each for each in running(context, component, "-")):
        own = kept.stdout if kept.code == 0 else context.nodes.exec(context.node, ["cat", place.manifest]).stdout
        await_well(context, component, own, "-", "")
    context.nodes.exec(context.node, ["rm", "-rf", place.folder, place.passing])
    context.nodes.exec(context.node, ["rmdir", "--ignore-fail-on-non-empty", FOLDER], check=False)
    return words


def panics(context: FaultContext, component: str, since_s: float) -> int:
    """Return how often a component has crashed since a moment of the node's clock, by its own words.

    Args:
        context: names the node.
        component: the component.
        since_s: the moment, in seconds since the epoch.
    """
    said = context.nodes.exec(context.node, ["sh", "-c", _PANICS, "sh", component, str(int(since_s))])
    return int(said.stdout.strip() or 0)


def _own(context: FaultContext, place: _Place) -> bytes:
    """Return the node's own manifest, kept from now on."""
    kept = context.nodes.exec(context.node, ["cat", place.own], check=False)
    if kept.code == 0:
        return kept.stdout
    own = context.nodes.exec(context.node, ["cat", place.manifest]).stdout
    if FOLDER.encode() in own:
        raise InjectionError(f"{place.manifest} of {context.node} is podvow's, and the node's own one is lost")
    context.nodes.exec(context.node, ["sh", "-c", _KEEP, "sh", place.manifest, place.own])
    return own
