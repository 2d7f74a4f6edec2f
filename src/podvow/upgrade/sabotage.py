"""Ways to spoil an upgrade on purpose: what notices none of them would not notice a bad upgrade either."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from enum import StrEnum

from podvow import runlock
from podvow.cluster.cri import NAMESPACE_LABEL, POD_LABEL, Cri
from podvow.cluster.node import NodeAccess
from podvow.cluster.progress import Progress
from podvow.errors import InjectionError
from podvow.mutants import host
from podvow.mutants.build import Program, build
from podvow.mutants.definition import DEFINITIONS, Target, load, of_target
from podvow.mutants.host import Host
from podvow.session import new_session
from podvow.upgrade.planting import namespace_of

MUTANT = "only-first-init-again"
"""The bug of the target's kubelet: after a lost sandbox only the first init container runs again."""
_VICTIM = "three-inits"
_READY = "SANDBOX_READY"


class Sabotage(StrEnum):
    """What is spoilt."""

    NONE = "none"
    MUTANT = "mutant"
    RERUN = "rerun"
    LEFT_BEHIND = "left-behind"


def mutant(version: str, progress: Progress) -> Program:
    """Return a kubelet of a version with the bug.

    Raises:
        ClusterUnusableError: it cannot be made here.
        InjectionError: the bug does not fit the version.
    """
    # All that the folder has for kubelets: so it is the one that `podvow mutants` has in the cache.
    built = build(of_target(load(DEFINITIONS), Target.KUBELET), version, progress)
    found = next((kubelet for kubelet in built.programs if MUTANT in kubelet.mutants), None)
    if found is None:
        raise InjectionError(f"no kubelet {version} with {MUTANT}", hint="podvow mutants build")
    return found


@contextlib.contextmanager
def kubelets(cluster: str, bad: Program) -> Iterator[Callable[[str], None]]:
    """Give what lets a node run the kubelet with the bug; each node has its own one back in the end.

    It is a run of its own as long as it lasts: so the runs that judge meanwhile are told whose kubelet that is, and
    whoever recovers a demo that died takes it back.

    Args:
        cluster: name of the kind cluster.
        bad: the kubelet.
    """
    session = new_session(name=cluster)
    with runlock.held(session.folder), contextlib.ExitStack() as stack:
        session.save()
        hosts: list[Host] = []

        def swap(node: str) -> None:
            if not hosts:  # not before it is needed: until then the control plane is replaced
                hosts.append(stack.enter_context(host.entered(session)))
            stack.enter_context(hosts[0].borrow(Target.KUBELET, node)).choose(bad, MUTANT)

        yield swap


def rerun(access: NodeAccess, node: str, cohort: str) -> str:
    """Make the init containers of one survivor run again, by taking its sandbox away; return the survivor's name.

    Raises:
        InjectionError: there is none on the node.
    """
    cri = Cri(access)
    for sandbox in cri.sandboxes(node):
        labels = sandbox.get("labels") or {}
        name = str(labels.get(POD_LABEL, ""))
        mine = labels.get(NAMESPACE_LABEL) == namespace_of(cohort) and name.startswith(f"{_VICTIM}-")
        if mine and sandbox.get("state") == _READY:
            cri.kill(node, sandbox["id"])
            return name
    raise InjectionError(f"no survivor {_VICTIM} runs on {node}")
