"""How a change is taken back, as data: another process, another machine or a later version can do it.

What is read comes from files and from a ConfigMap that others could write. So every value is checked against the
names that podvow itself makes: a forged undo can delete or remove nothing that is not podvow's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from podvow.labels import DOMAIN

_NODE = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_PATTERNS = {
    "node": _NODE,
    "name": re.compile(r"podvow-[a-z0-9]([-a-z0-9]{0,54}[a-z0-9])?"),
    "run": re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?"),
    "path": re.compile(r"/etc/kubernetes/manifests/podvow-[-a-z0-9]{1,56}\.json"),
    "component": re.compile(r"kube-(apiserver|controller-manager|scheduler)"),
    "resource": re.compile(re.escape(DOMAIN) + r"/[a-z0-9]([-a-z0-9_.]{0,61}[a-z0-9])?"),
}


@dataclass(frozen=True, slots=True)
class DeleteNamespace:
    """Delete a namespace with everything in it, if it carries the labels of the run.

    Attributes:
        name: the namespace.
        run: the run that made it.
    """

    op: ClassVar[str] = "delete-namespace"
    mirrored: ClassVar[bool] = False
    name: str
    run: str

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"delete namespace {self.name}"


@dataclass(frozen=True, slots=True)
class HealNode:
    """Bring a node back, whatever was done to it: frost, power, network configuration, units, timers.

    Attributes:
        node: its name.
    """

    op: ClassVar[str] = "heal-node"
    mirrored: ClassVar[bool] = True
    node: str

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"heal node {self.node}"


@dataclass(frozen=True, slots=True)
class RemoveStatic:
    """Take the manifest of a static Pod away.

    Attributes:
        node: where it lies.
        path: the file.
    """

    op: ClassVar[str] = "remove-static"
    mirrored: ClassVar[bool] = True
    node: str
    path: str

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"remove {self.path} on node {self.node}"


@dataclass(frozen=True, slots=True)
class RemoveResource:
    """Take an extended resource out of a node's status.

    Attributes:
        node: the node.
        resource: the resource, below podvow's own domain.
    """

    op: ClassVar[str] = "remove-resource"
    mirrored: ClassVar[bool] = True
    node: str
    resource: str

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"remove {self.resource} from the status of node {self.node}"


@dataclass(frozen=True, slots=True)
class DisarmTimer:
    """Disarm the dead-man timer of a node; it stays armed for other runs that need it.

    Attributes:
        node: the node.
        run: the run that armed it.
    """

    op: ClassVar[str] = "disarm-timer"
    mirrored: ClassVar[bool] = True
    node: str
    run: str

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"disarm the dead-man timer of node {self.node}"


@dataclass(frozen=True, slots=True)
class RestoreKubelet:
    """Let a node run its own kubelet again.

    Attributes:
        node: its name.
    """

    op: ClassVar[str] = "restore-kubelet"
    mirrored: ClassVar[bool] = True
    node: str

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"give node {self.node} its own kubelet back"


@dataclass(frozen=True, slots=True)
class RestoreComponent:
    """Let a component of the control plane run its own program again.

    Attributes:
        node: the node that it runs on.
        component: its name, that of its static Pod.
    """

    op: ClassVar[str] = "restore-component"
    mirrored: ClassVar[bool] = True
    node: str
    component: str

    @property
    def words(self) -> str:
        """What it does, for people."""
        return f"give {self.component} of node {self.node} its own program back"


NodeUndo = HealNode | RemoveStatic | RemoveResource | DisarmTimer | RestoreKubelet | RestoreComponent
"""Those that are about a node."""
Undo = DeleteNamespace | NodeUndo
_KINDS: Mapping[str, type[Undo]] = {
    kind.op: kind
    for kind in (
        DeleteNamespace,
        HealNode,
        RemoveStatic,
        RemoveResource,
        DisarmTimer,
        RestoreKubelet,
        RestoreComponent,
    )
}


def raw(undo: Undo) -> dict[str, str]:
    """Return an undo as JSON."""
    return {"op": undo.op, **asdict(undo)}


def parse(value: object) -> Undo:
    """Return the undo that JSON describes.

    Raises:
        ValueError: it describes none, or one of something that podvow cannot have made.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"an undo is an object, not {type(value).__name__}")  # noqa: TRY004 (one error for all)
    kind = _KINDS.get(str(value.get("op")))
    if kind is None:
        raise ValueError(f"unknown undo {value.get('op')!r}")
    names = {field.name for field in fields(kind)}
    if set(value) != names | {"op"}:
        raise ValueError(f"{kind.op} needs {', '.join(sorted(names))}, not {', '.join(sorted(map(str, value)))}")
    given: dict[str, Any] = {name: value[name] for name in names}
    for name, text in given.items():
        if not isinstance(text, str) or not _PATTERNS[name].fullmatch(text):
            raise ValueError(f"{kind.op}: {text!r} is no {name} of podvow's")
    return kind(**given)


def node_of(undo: Undo) -> str:
    """Return the node that an undo is about, empty for one that is about none."""
    return "" if isinstance(undo, DeleteNamespace) else undo.node
