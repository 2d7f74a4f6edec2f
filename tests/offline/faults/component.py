"""A made-up node whose control plane does what its manifests say; the shell lines run on a folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from podvow import yamlfile
from podvow.api import ApiError
from podvow.cluster.node import ExecResult
from podvow.faults import controlplane
from podvow.faults.controlplane import FOLDER
from tests.offline.journal.cluster import Api
from tests.offline.journal.nodes import Nodes

NODE = "worker"
OWN_PROGRAM = "/usr/local/bin/kube-scheduler"
OWN = b"""apiVersion: v1
kind: Pod
metadata:
  name: kube-scheduler
spec:
  containers:
  - command:
    - kube-scheduler
    - --bind-address=127.0.0.1
    - --leader-elect=true
    image: registry.example/kube-scheduler:v1.37.2
    livenessProbe:
      httpGet: {host: 127.0.0.1, path: /livez, port: probe-port, scheme: HTTPS}
    readinessProbe:
      httpGet: {host: 127.0.0.1, path: /readyz, port: probe-port, scheme: HTTPS}
    name: kube-scheduler
    ports:
    - {containerPort: 10259, name: probe-port}
    volumeMounts:
    - {mountPath: /etc/kubernetes/scheduler.conf, name: kubeconfig}
  hostNetwork: true
  volumes:
  - hostPath: {path: /etc/kubernetes/scheduler.conf}
    name: kubeconfig
"""
MANIFEST = "/etc/kubernetes/manifests/kube-scheduler.yaml"
_PID = 41


class ControlPlane:
    """A node with a scheduler.

    Args:
        nodes: where its files are.
        api: the API server; its leases are renewed by those that lead.

    Attributes:
        stuck: whether the kubelet does not look at the manifest any more.
        dies: whether another program than its own does not run at all.
        code: what the component answers when it is asked.
        leads: whether the leaders renew their leases.
        held_back: leaders that have given up and wait for the kubelet's back-off.
        lingers: whether a component that was told to end takes no requests any more, but does not end by itself.
        ended: how often it was ended by force.
    """

    def __init__(self, nodes: Nodes, api: Api) -> None:
        self.nodes = nodes
        self.api = api
        self.stuck = self.dies = self.lingers = False
        self.code = "200"
        self.ended = 0
        self.leads = True
        self.held_back: set[str] = set()
        self._ran: list[str] = [f"{OWN_PROGRAM} "]
        nodes.write(NODE, MANIFEST, OWN.decode())

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        match list(argv):
            case ["sh", "-c", controlplane._RUNNING, "sh", component, variable]:
                lines = [f"{_PID} {each}\n" for each in self._processes(component, variable)]
                return ExecResult(0, "".join(lines).encode(), b"")
            case ["curl", *_, url] if "10259" in url:
                self._beat()
                return ExecResult(0, b"000" if self.lingers else self.code.encode(), b"")
            case ["kill", "-KILL", "41"]:
                self.lingers, self.ended = False, self.ended + 1
                return ExecResult(0, b"", b"")
            case ["systemctl", "restart", "kubelet"]:
                self.held_back.clear()
                self._beat()
                return ExecResult(0, b"", b"")
        root = str(self.nodes.path(node, FOLDER))
        return self.nodes.exec(
            node, [word.replace(FOLDER, root) for word in argv], stdin=stdin, timeout_s=timeout_s, check=check
        )

    def popen(self, node: str, argv: Sequence[str]) -> Any:
        raise NotImplementedError(node, argv)

    def _processes(self, component: str, variable: str) -> list[str]:
        """Return what the processes are, once the kubelet has looked at the manifest."""
        if component != "kube-scheduler":
            return [] if any(each.startswith(component) for each in self.held_back) else ["/usr/local/bin/other "]
        if self.stuck or self.lingers:
            return self._ran
        pod = yamlfile.loads(
            self.nodes.path(NODE, MANIFEST).read_text(), where=self.nodes.path(NODE, MANIFEST), what="manifest"
        )
        container = pod["spec"]["containers"][0]
        runs = container["command"][0]
        if runs == "kube-scheduler":
            self._ran = [f"{OWN_PROGRAM} "]
        elif self.dies or not self.nodes.path(NODE, runs).is_file():
            self._ran = []
        else:
            said = {each["name"]: each["value"] for each in container.get("env") or ()}
            self._ran = [f"{runs} {said.get(variable, '')}"]
        return self._ran

    def _beat(self) -> None:
        for name in ("kube-controller-manager", "kube-scheduler"):
            if self.leads and name not in self.held_back:
                # Ahead of the node's clock, so that one look suffices however slow this machine is.
                renewed = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                self.api.canned[f"{controlplane._LEASES}/{name}"] = {"spec": {"renewTime": renewed}}


def silent(api: Api) -> None:
    """Let the API server answer nothing."""

    def refuse(path: str, **_: object) -> Any:
        raise ApiError(0, "Unreachable", "connection refused", request=path)

    api.get = refuse  # type: ignore[method-assign]
