"""What this cluster is (versions, gates, back-off), and from that how long an effect may take.

The oracle is chosen per node: in a half-upgraded cluster two kubelets keep different promises. Everything is
detected; what could not be read stays unknown and is noted, it is never guessed from the version.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from podvow.api import ApiError
from podvow.errors import UsageError
from podvow.release import UNKNOWN, release_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podvow.api import Api

_GATE = re.compile(r'^kubernetes_feature_enabled\{[^}]*\bname="(\w+)"[^}]*\}\s+([01])', re.MULTILINE)
_CGROUP_V1 = re.compile(r"^kubelet_cgroup_version 1$", re.MULTILINE)
"""With cgroup v2 the kubelet lets the kernel kill all processes of a container at once, unless told otherwise."""
_QUANTITY = re.compile(r"([0-9.]+(?:[eE][0-9]+)?)([a-zA-Z]*)")
_DURATION = re.compile(r"([0-9.]+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_FACTORS = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    **{prefix: 1000.0**power for power, prefix in enumerate("kMGTPE", 1)},
    **{f"{prefix}i": 1024.0**power for power, prefix in enumerate("KMGTPE", 1)},
}
_PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable")
_GRADUATED = {
    "SidecarContainers": (1, 33),
    "InPlacePodVerticalScaling": (1, 35),
    "InPlacePodVerticalScalingInitContainers": (1, 37),
    "NodeDeclaredFeatures": (1, 37),
    "PodObservedGenerationTracking": (1, 35),
    "PodReadyToStartContainersCondition": (1, 37),
    "SupplementalGroupsPolicy": (1, 35),
}
"""Gates of interest and the release in which they became GA; some time later they vanish from the metrics."""
_BACKOFF_INITIAL_S = 10.0
_BACKOFF_MAX_S = 300.0
_REDUCED_INITIAL_S = 1.0
_REDUCED_MAX_S = 60.0


def parse_quantity(text: str | float) -> float:
    """Return a Kubernetes quantity (`1930m`, `20Gi`, `4`) as a number; 0 when it is none."""
    found = _QUANTITY.fullmatch(str(text))
    return float(found[1]) * _FACTORS.get(found[2], 0.0) if found else 0.0


def parse_duration(text: str) -> float:
    """Return a Go duration (`5m0s`, `500ms`) in seconds; 0 when it is none."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))


@dataclass(frozen=True, slots=True)
class NodeProfile:
    """One node: which kubelet promises something here, and what it was told.

    Attributes:
        gates: feature gates of the kubelet; empty when its metrics could not be read (see `notes`).
        taints: taints that keep Pods without a toleration away, as `key=value:effect`.
        pressures: conditions of the node that say that something runs short (`DiskPressure`, …).
        images: names of the images that the node reports; the kubelet reports no more than 50 images.
        images_truncated: whether there may be more images than are reported.
        capabilities: what was found to work or to be supported on this node.
        notes: what could not be read, and why.
    """

    name: str
    kubelet_version: str
    runtime: str = ""
    ready: bool = False
    schedulable: bool = True
    roles: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    pressures: tuple[str, ...] = ()
    pod_cidr: str = ""
    address: str = ""
    allocatable_pods: int = 110
    cpu: float = 0.0
    gates: Mapping[str, bool] = field(default_factory=dict)
    declared_features: tuple[str, ...] = ()
    backoff_initial_s: float = _BACKOFF_INITIAL_S
    backoff_max_s: float = _BACKOFF_MAX_S
    images: frozenset[str] = frozenset()
    images_truncated: bool = False
    capabilities: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> Version:
        """The kubelet's release."""
        return release_of(self.kubelet_version) or UNKNOWN

    @property
    def usable(self) -> bool:
        """Whether a Pod without tolerations is scheduled to it and started there."""
        return self.ready and self.schedulable and not self.taints

    def gate(self, name: str) -> bool | None:
        """Return whether a feature gate is on; None when that is not known."""
        return _gate(name, self.gates, self.version)

    def windows(self, *, quiet_s: float = 30.0) -> Windows:
        """Return the windows that effects have on this node; see `Windows.of`."""
        return Windows.of(self, quiet_s=quiet_s)


@dataclass(frozen=True, slots=True)
class ClusterProfile:
    """The cluster: the control plane's version and gates, its identity, and its nodes.

    Attributes:
        gates: feature gates of the API server; empty when its metrics could not be read (see `notes`).
        kube_system_uid: the cluster's identity; empty when it could not be read.
        notes: what could not be read, and why.
    """

    server_version: str
    nodes: tuple[NodeProfile, ...]
    gates: Mapping[str, bool] = field(default_factory=dict)
    server_address: str = ""
    kube_system_uid: str = ""
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> Version:
        """The API server's release."""
        return release_of(self.server_version) or UNKNOWN

    def gate(self, name: str) -> bool | None:
        """Return whether a feature gate is on in the API server; None when that is not known."""
        return _gate(name, self.gates, self.version)

    def node(self, name: str) -> NodeProfile:
        """Return the profile of a node.

        Raises:
            UsageError: there is no such node.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise UsageError(f"the cluster has no node {name!r}", hint=f"its nodes: {known or 'none'}")


@dataclass(frozen=True, slots=True)
class Windows:
    """How long the documented effects may take on one node, in seconds.

    A window belongs to a claim: outside it the claim is violated. It is made of the kubelet's own delays plus
    `slack`, so it does not depend on how patient the harness is.

    Attributes:
        notice: the end of a container is noticed by the kubelet (relist of the runtime).
        publish: a status that the kubelet knows is visible in the API.
        start: a scheduled Pod has its first container started (sandbox, network, volumes; no image pull).
        restart: an exited container is started again when no back-off applies.
        rerun: after the sandbox is lost the first container runs in a new one.
        replace: a container whose definition changed is stopped and started again, without its grace period.
        terminal: after the last exit the terminal phase is published.
        deadline: the kubelet notices that the deadline of a Pod has passed.
        resync: longest time between two looks of the kubelet at an unchanged Pod.
        kubelet_ready: a started kubelet reports its node Ready.
        node_lost: a silent node becomes NotReady.
        quiet: how long to watch before saying that something did not happen.
        slack: allowance for a loaded machine that is part of every window.
        backoff_initial: first delay of the crash-loop back-off.
        backoff_max: longest delay of the crash-loop back-off.
        backoff_late: constant lateness of a restart after its back-off has passed.
        backoff_jitter: factor by which the kubelet may lengthen a back-off.
    """

    notice: float
    publish: float
    start: float
    restart: float
    rerun: float
    replace: float
    terminal: float
    deadline: float
    resync: float
    kubelet_ready: float
    node_lost: float
    quiet: float
    slack: float
    backoff_initial: float
    backoff_max: float
    backoff_late: float
    backoff_jitter: float

    @classmethod
    def of(cls, node: NodeProfile, *, quiet_s: float = 30.0, slack_s: float = 5.0) -> Windows:
        """Compute the windows of a node.

        Args:
            node: the node's profile.
            quiet_s: how long is watched before it is said that something did not happen.
            slack_s: allowance for a loaded machine.

        Returns:
            The windows.
        """
        relist, ticker = 1.0, 1.0
        # without on-demand relists (1.36, gate PLEGOnDemandRelist) each step may wait for another relist
        steps = 1 if node.gate("PLEGOnDemandRelist") else 2
        notice = relist * steps + ticker
        # up to 1.34 a retry waits for the next sync of the Pod, 10 s to 15 s after the last one
        quantised = node.version < Version("1.35")
        return cls(
            notice=notice,
            publish=10.0 + slack_s,
            start=10.0 + slack_s,
            restart=notice + slack_s,
            rerun=notice + 10.0 + slack_s,
            replace=notice + slack_s,
            terminal=2 * notice + 2.0 + slack_s,
            deadline=notice + slack_s,
            resync=90.0,
            kubelet_ready=40.0 + slack_s,
            node_lost=60.0 + slack_s,
            quiet=quiet_s,
            slack=slack_s,
            backoff_initial=node.backoff_initial_s,
            backoff_max=node.backoff_max_s,
            backoff_late=notice + slack_s + (15.0 if quantised else 0.0),
            backoff_jitter=1.5,
        )

    def backoff(self, n: int) -> tuple[float, float]:
        """Return the allowed gap between the end of a run and the start of the next.

        Args:
            n: which gap: 1 is the one before the first restart, which is immediate.

        Returns:
            Shortest and longest gap, both counted from the real end; who measures with whole seconds
            adds its own precision.
        """
        if n <= 1:
            return 0.0, self.restart
        delay = min(self.backoff_initial * 2.0 ** min(n - 2, 32), self.backoff_max)
        return delay, delay * self.backoff_jitter + self.backoff_late

    def terminate(self, grace_s: float) -> float:
        """Return how long a Pod that ignores SIGTERM may take to be gone, for its grace period."""
        return max(grace_s, 2.0) + 2 * self.notice + self.slack


def read_profile(api: Api) -> ClusterProfile:
    """Read what the cluster is.

    Args:
        api: the connection.

    Returns:
        The profile; what we may not read is unknown in it, and noted.
    """
    version = api.version or api.get("/version")
    nodes: list[dict[str, Any]] = api.get("/api/v1/nodes").get("items") or []
    notes: list[str] = []
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="profile") as pool:
        profiles = pool.map(lambda node: _read_node(api, node), nodes)
        gates = _gates_in(_read_metrics(api, "/metrics", "gates of the API server", notes))
        uid = ""
        try:
            uid = api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
        except ApiError as error:
            notes.append(f"identity of the cluster unknown: {error.message}")
        return ClusterProfile(
            server_version=str(version.get("gitVersion", "")),
            nodes=tuple(sorted(profiles, key=lambda node: node.name)),
            gates=gates,
            server_address=api.server_address,
            kube_system_uid=uid,
            notes=tuple(notes),
        )


def _read_node(api: Api, node: Mapping[str, Any]) -> NodeProfile:
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    info, allocatable = status.get("nodeInfo") or {}, status.get("allocatable") or {}
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or ()}
    taints = tuple(
        f"{taint['key']}={taint.get('value', '')}:{taint['effect']}"
        for taint in spec.get("taints") or ()
        if taint["effect"] in {"NoSchedule", "NoExecute"}
    )
    prefix = "node-role.kubernetes.io/"
    labels = metadata.get("labels") or {}
    proxy = f"/api/v1/nodes/{metadata['name']}/proxy"
    notes: list[str] = []
    metrics = ""
    gates: Mapping[str, bool] = {}
    configuration: Mapping[str, Any] = {}
    if conditions.get("Ready") == "True":
        metrics = _read_metrics(api, f"{proxy}/metrics", "gates", notes)
        gates = _gates_in(metrics)
        configuration = _read_configuration(api, f"{proxy}/configz", notes)
    else:
        notes.append("gates and configuration unknown: the node is not ready")
    initial_s, max_s = _backoff(gates, configuration)
    found = {
        "kubelet-metrics": bool(gates),
        "kubelet-configuration": bool(configuration),
        "declared-features": "declaredFeatures" in status,
        "single-process-oom-kill": bool(configuration.get("singleProcessOOMKill"))
        or bool(_CGROUP_V1.search(metrics)),
        "supplemental-groups-policy": bool((status.get("features") or {}).get("supplementalGroupsPolicy")),
        "user-namespaces": any(
            (handler.get("features") or {}).get("userNamespaces") for handler in status.get("runtimeHandlers") or ()
        ),
    }
    profile = NodeProfile(
        name=metadata["name"],
        kubelet_version=info.get("kubeletVersion", ""),
        runtime=info.get("containerRuntimeVersion", ""),
        ready=conditions.get("Ready") == "True",
        schedulable=not spec.get("unschedulable"),
        roles=tuple(sorted(label.removeprefix(prefix) for label in labels if label.startswith(prefix))),
        labels=labels,
        taints=taints,
        pressures=tuple(kind for kind in _PRESSURES if conditions.get(kind) == "True"),
        pod_cidr=spec.get("podCIDR", ""),
        address=next((a["address"] for a in status.get("addresses") or () if a["type"] == "InternalIP"), ""),
        allocatable_pods=int(parse_quantity(allocatable.get("pods", "110"))),
        cpu=parse_quantity(allocatable.get("cpu", "0")),
        gates=gates,
        declared_features=tuple(status.get("declaredFeatures") or ()),
        backoff_initial_s=initial_s,
        backoff_max_s=max_s,
        capabilities=tuple(name for name, value in found.items() if value),
        notes=tuple(notes),
    )
    return images_in(profile, status)


def images_in(node: NodeProfile, status: Mapping[str, Any]) -> NodeProfile:
    """Return a node with the images that a status of it names."""
    images = status.get("images") or []
    return replace(
        node,
        images=frozenset(name for image in images for name in image.get("names") or ()),
        images_truncated=len(images) >= 50,  # noqa: PLR2004 - the kubelet's nodeStatusMaxImages
    )


def _read_metrics(api: Api, path: str, what: str, notes: list[str]) -> str:
    try:
        metrics = api.text(path)
    except ApiError as error:
        notes.append(f"{what} unknown: {error.message}")
        return ""
    if not _gates_in(metrics):
        notes.append(f"{what} unknown: {path} names none")
    return metrics


def _gates_in(metrics: str) -> dict[str, bool]:
    return {name: value == "1" for name, value in _GATE.findall(metrics)}


def _read_configuration(api: Api, path: str, notes: list[str]) -> dict[str, Any]:
    try:
        configuration: dict[str, Any] = api.get(path).get("kubeletconfig") or {}
    except ApiError as error:
        notes.append(f"kubelet configuration unknown, defaults are assumed: {error.message}")
        return {}
    return configuration


def _backoff(gates: Mapping[str, bool], configuration: Mapping[str, Any]) -> tuple[float, float]:
    """Compute first and longest crash-loop delay as the kubelet does."""
    initial_s, max_s = _BACKOFF_INITIAL_S, _BACKOFF_MAX_S
    if gates.get("ReduceDefaultCrashLoopBackOffDecay"):
        initial_s, max_s = _REDUCED_INITIAL_S, _REDUCED_MAX_S
    # a kubelet whose gate is off refuses the setting, so that it is set says that it applies
    configured = (configuration.get("crashLoopBackOff") or {}).get("maxContainerRestartPeriod")
    if configured:
        max_s = parse_duration(str(configured)) or max_s
    return min(initial_s, max_s), max_s


def _gate(name: str, gates: Mapping[str, bool], version: Version) -> bool | None:
    if not gates:
        return None
    if name in gates:
        return gates[name]
    return name in _GRADUATED and version >= Version("{}.{}".format(*_GRADUATED[name]))
