"""Upgrades the nodes of a kind cluster with kubeadm, by steps that are data (fixtures/upgrade/kubeadm.yaml)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from podvow import yamlfile
from podvow.cluster.node import NodeAccess
from podvow.cluster.process import CommandError
from podvow.errors import ClusterUnusableError
from podvow.inputs import shaped
from podvow.paths import FIXTURES

FILE = FIXTURES / "upgrade" / "kubeadm.yaml"
STAGED = "/var/lib/podvow-upgrade"
"""Folder on a node with the new programs."""
PROGRAMS = ("kubeadm", "kubelet", "kubectl")
Order = Literal["control-plane", "in-place", "drained"]
Say = Callable[[str], None]


class Step(BaseModel):
    """One step; see the head of kubeadm.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    run: tuple[str, ...] = Field(min_length=1)
    where: Literal["node", "control-plane"]
    timeout_s: float = Field(gt=0)
    tolerate: bool = False

    def argv(self, variables: Mapping[str, str]) -> list[str]:
        """Return the argument vector for a node.

        Args:
            variables: values of what it refers to by `$NAME`.
        """
        return [Template(word).substitute(variables) for word in self.run]


class Steps(BaseModel):
    """All steps, and the orders in which nodes go through them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    steps: Mapping[str, Step]
    orders: Mapping[Order, tuple[str, ...]]

    @model_validator(mode="after")
    def _known(self) -> Steps:
        unknown = sorted({name for names in self.orders.values() for name in names} - self.steps.keys())
        if unknown:
            raise ValueError(f"no step is called {', '.join(unknown)}")
        return self


_STEPS = TypeAdapter(Steps)


@cache
def load(path: Path = FILE) -> Steps:
    """Read the steps.

    Raises:
        UsageError: they are broken.
    """
    return shaped(_STEPS, yamlfile.load(path, what="steps of an upgrade"), where=str(path), what="steps")


def upgrade(
    access: NodeAccess, node: str, order: Order, *, control: str, version: str, say: Say, steps: Steps | None = None
) -> None:
    """Let a node go through its steps.

    Args:
        access: the way onto the nodes.
        node: its name.
        order: which steps.
        control: name of the node of the control plane.
        version: of Kubernetes, where it goes to.
        say: is told what goes on.
        steps: the steps; the house's by default.

    Raises:
        ClusterUnusableError: one of them failed.
    """
    variables = {"VERSION": version, "NODE": node, "STAGED": STAGED}
    for name, step in _in_order(steps or load(), order):
        begun = time.monotonic()
        where = control if step.where == "control-plane" else node
        try:
            access.exec(where, step.argv(variables), timeout_s=step.timeout_s)
            how = "done"
        except CommandError as error:
            if not step.tolerate:
                raise ClusterUnusableError(
                    f"{node}: {name} failed: {error.output}", hint="look at the node"
                ) from error
            how = f"failed, and may ({(error.output.splitlines() or ['no word'])[-1]})"
        say(f"{node}: {name} {how}, {time.monotonic() - begun:.0f} s")


def _in_order(steps: Steps, order: Order) -> Iterator[tuple[str, Step]]:
    for name in steps.orders[order]:
        yield name, steps.steps[name]
