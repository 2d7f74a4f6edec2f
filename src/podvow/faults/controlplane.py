"""Whether the control plane on a node works: which program a component runs from, whether it answers, who leads."""

from __future__ import annotations

import time
from datetime import datetime

from podvow.api import ApiError
from podvow.cluster.process import CommandError
from podvow.deadline import Deadline
from podvow.faults.base import FaultContext, NodeLostError
from podvow.faults.componentmanifest import health_of
from podvow.faults.upkeep import KUBELET, node_clock

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""Those that kubeadm runs as static Pods and whose program can be another one: all but etcd."""
FOLDER = "/var/lib/podvow-components"
"""Where other programs and the kept manifests lie on a node, in a folder for each component."""
PATIENCE_S = 180.0
"""How long the control plane may take to work again, in seconds."""
_LEADERS = ("kube-controller-manager", "kube-scheduler")
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
_NOT_FOUND = 404
_POLL_S = 0.5
_BACK_OFF_S = 5.0
_COMM = 15
"""As much of a program's name as the kernel keeps."""
_NOBODY = "000"
"""curl's word for no answer at all."""
_RUNNING = (
    'for p in $(pgrep -x "$1"); do '
    'echo "$p $(readlink "/proc/$p/exe") $(tr "\\0" "\\n" <"/proc/$p/environ" | sed -n "s/^$2=//p")"; done'
)


def running(context: FaultContext, component: str, variable: str) -> list[str]:
    """Return of each process of a component the program, and after a blank what the variable says to it."""
    return [each for _, each in _processes(context, component, variable)]


def _processes(context: FaultContext, component: str, variable: str) -> list[tuple[str, str]]:
    """Return the id of each process of a component, and what `running` says of it."""
    argv = ["sh", "-c", _RUNNING, "sh", component[:_COMM], variable]
    lines = context.nodes.exec(context.node, argv).stdout.decode(errors="replace").splitlines()
    return [(pid, each) for pid, _, each in (line.partition(" ") for line in lines)]


def await_well(context: FaultContext, component: str, own: bytes, variable: str, wanted: str) -> float:
    """Wait until a component runs as it should and the control plane works.

    Args:
        context: names the node.
        component: the component.
        own: the node's own manifest of it.
        variable: the variable that is asked for.
        wanted: how every process of it must run, in the words of `running`; empty for its own program.

    Returns:
        How long it took, in seconds.

    Raises:
        InjectionError: its manifest cannot be understood.
        NodeLostError: it does not within `PATIENCE_S`.
    """
    began, deadline = time.monotonic(), Deadline.after(PATIENCE_S)
    url = health_of(own, component)
    since_s, well_at, nudged = 0.0, 0.0, False
    while True:
        try:
            lacks = _lacks(context, component, url, variable, wanted)
            if not lacks and not since_s:
                since_s, well_at = node_clock(context), time.monotonic()
            late = [] if lacks else _late(context, since_s)
            if late and not nudged and time.monotonic() - well_at > _BACK_OFF_S:
                nudged = _nudge(context, late)
            lacks = lacks or ", ".join(f"{each} does not lead" for each in late)
        except (CommandError, ApiError, ValueError, KeyError) as error:
            lacks = str(error)
        if not lacks:
            return round(time.monotonic() - began, 3)
        if deadline.passed:
            text = f"the control plane on {context.node} did not work within {PATIENCE_S:.0f} s: {lacks}"
            raise NodeLostError(text)
        time.sleep(_POLL_S)


def _lacks(context: FaultContext, component: str, url: str, variable: str, wanted: str) -> str:
    """Return what a component still lacks; empty when the right program runs and answers."""
    there = _processes(context, component, variable)
    wrong = [pid for pid, each in there if (each != wanted if wanted else FOLDER in each)]
    if wrong and _answer(context, url) == _NOBODY:
        # It was told to end and takes no requests any more; an API server waits for its watches all the same, for
        # the 30 s of its Pod, and meanwhile all who lead give up.
        context.nodes.exec(context.node, ["kill", "-KILL", *wrong], check=False)
    if wrong or not there:
        return f"{component} runs as {[each for _, each in there]}"
    code = _answer(context, url)
    return "" if code == "200" else f"{url} answers {code}"


def _answer(context: FaultContext, url: str) -> str:
    argv = ["curl", "-s", "-k", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", url]
    return context.nodes.exec(context.node, argv, check=False).stdout.decode(errors="replace").strip()


def _late(context: FaultContext, since_s: float) -> list[str]:
    """Return those that have not led since a moment: without an API server for ten seconds they give up and end."""
    late = []
    for name in _LEADERS:
        try:
            lease = context.api.get(f"{_LEASES}/{name}", retry=False)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            continue  # it leads without having been elected
        if datetime.fromisoformat(str(lease["spec"]["renewTime"])).timestamp() < since_s:
            late.append(name)
    return late


def _nudge(context: FaultContext, late: list[str]) -> bool:
    """Restart the kubelet if it holds one of them back: it forgets the back-offs of those that have given up."""
    if all(running(context, each, "-") for each in late):
        return False
    context.nodes.exec(context.node, ["systemctl", "restart", KUBELET])
    return True
