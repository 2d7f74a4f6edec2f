"""A control plane that is silent with another program than its own: nothing but its node can be asked."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import PurePosixPath

from podvow.deadline import Deadline
from podvow.faults import othercomponent
from podvow.faults.base import FaultContext
from podvow.faults.controlplane import COMPONENTS, PATIENCE_S
from podvow.journal.act import Site, act
from podvow.journal.undo import RestoreComponent

_POLL_S = 2.0
# When a program was last chosen: the run that did it, if it lives, waits as long for the API server to answer.
_AGE = 'echo $(($(date +%s) - $(stat -c %Y "$1")))'


def awaken(site: Site, nodes: Iterable[str]) -> list[str]:
    """Give the components of silent nodes their own programs back.

    A run that lives takes its own change back, and it waits for `PATIENCE_S`; so this waits for as long.

    Args:
        site: the cluster.
        nodes: the nodes of its control plane.

    Returns:
        What was done, in words; empty when nothing of podvow's is there.

    Raises:
        PodvowError: it could not be done.
    """
    done = []
    for node in nodes:
        context = site.context(node)
        deadline = Deadline.after(PATIENCE_S)
        there = before = _swapped(context)
        while there and _age_s(context, there) < PATIENCE_S and not deadline.passed:
            time.sleep(_POLL_S)
            there = _swapped(context)
        done += [f"{each} of node {node} was given its own program back" for each in before if each not in there]
        done += [act(RestoreComponent(node, component), site) for component in there]
    return done


def _swapped(context: FaultContext) -> list[str]:
    """Return the components of a node that run another program than their own."""
    said = context.nodes.exec(context.node, ["sh", "-c", f"{othercomponent.LIST}; true"]).stdout
    kept = [PurePosixPath(line.partition(b" ")[2].decode()) for line in said.splitlines()]
    return [path.parent.name for path in kept if path.parent.name in COMPONENTS]


def _age_s(context: FaultContext, components: list[str]) -> float:
    """Return how long ago the youngest of their manifests was written, in seconds."""
    paths = [othercomponent.manifest_of(component) for component in components]
    said = [context.nodes.exec(context.node, ["sh", "-c", _AGE, "sh", path]).stdout for path in paths]
    return min(float(each) for each in said)
