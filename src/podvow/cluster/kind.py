"""kind clusters: create, look at, start again after a reboot, furnish, delete.

Runs `kind` and `docker`; asks the API through the kubectl inside the control-plane node. Must not decide between
making and reusing: `lifecycle` does.
"""

from __future__ import annotations

import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from filelock import FileLock

from podvow import yamlfile
from podvow.cluster import frost, inotify, kindconfig, network, precedence
from podvow.cluster.cri import CRICTL, tool_of
from podvow.cluster.node import put_file
from podvow.cluster.nodeimage import assemble
from podvow.cluster.nodeimage.build import can_build_nodetool, ensure_kind, ensure_nodetool
from podvow.cluster.process import CommandError, run
from podvow.cluster.provider import DISTURBED, ROLE_LABEL, STEADY
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError, UsageError
from podvow.paths import FIXTURES, cache_dir
from podvow.shapes import MAP_OF_TEXT, wrong

if TYPE_CHECKING:
    from podvow.cluster.node import NodeAccess
    from podvow.cluster.progress import Progress

DEFAULT_CONFIG = FIXTURES / "kind" / "default.yaml"
_LABEL = "io.x-k8s.kind.cluster"
_ROLE = "io.x-k8s.kind.role"
_CONFIG = "kind.yaml"
_SHAPE = {
    "nodes": [{"role": str, "labels": MAP_OF_TEXT, "kubeadmConfigPatches": [str]}],
    "networking": {},
    "kubeadmConfigPatches": [str],
    "featureGates": {...: bool},
}
IDENTITY = "identity.json"
"""File in a cluster's folder that tells which cluster was made; see `made`."""
_CREATE_S = 600.0
_READY_S = 240
_RANGES_S = 60.0
_POLL_S = 0.3


@dataclass(frozen=True, slots=True)
class NodeContainer:
    """A node of a kind cluster, as the engine sees it."""

    name: str
    role: str
    running: bool
    image: str


def check_name(name: str) -> None:
    """Check that a cluster may have this name, which becomes the name of a folder too.

    Raises:
        UsageError: when it may not.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*", name):
        raise UsageError(f"not a name for a cluster: {name!r}", hint="small letters, digits, dashes")


def lock(name: str) -> FileLock:
    """Return the lock under which a cluster is made or deleted; it outlives the cluster's folder."""
    return FileLock(cache_dir("clusters") / f".{name}.lock")


def known() -> list[str]:
    """Return the names of all clusters that podvow began to make in this cache."""
    return sorted(path.parent.name for path in cache_dir("clusters").glob(f"*/{_CONFIG}"))


class Boot(NamedTuple):
    """One life of a node.

    Attributes:
        since: when its container was started, as the engine writes it (UTC).
        address: its address in it.
    """

    since: str
    address: str


def folder(name: str) -> Path:
    """Return where the private things of a cluster lie."""
    path = cache_dir("clusters", name)
    path.chmod(0o700)
    return path


def kubeconfig(name: str) -> Path:
    """Return a cluster's kubeconfig; ~/.kube/config is never touched."""
    return folder(name) / "kubeconfig"


def context(name: str) -> str:
    """Return the context that kind writes."""
    return f"kind-{name}"


def nodes(name: str) -> list[NodeContainer]:
    """Return the node containers of a cluster, control plane first."""
    form = '{{.Names}}\t{{.Label "' + _ROLE + '"}}\t{{.State}}\t{{.Image}}'
    listing = run(
        ["docker", "ps", "--all", "--filter", f"label={_LABEL}={name}", "--format", form], timeout_s=30
    ).text
    rows = [line.split("\t") for line in listing.splitlines() if line.strip()]
    found = [NodeContainer(row[0], row[1], row[2] == "running", row[3]) for row in rows]
    return sorted(found, key=lambda node: (node.role != "control-plane", node.name))


def has_local_image(name: str) -> bool:
    """Whether a cluster's nodes are of an image of ours; `docker ps` forgets its name when it is built anew."""
    names = [node.name for node in nodes(name)]
    listing = (
        run(["docker", "inspect", "--format", "{{.Config.Image}}", *names], timeout_s=30).text if names else ""
    )
    return listing.startswith(f"{assemble.REPOSITORY}:")


def boots(name: str) -> dict[str, Boot]:
    """Return since when and at which address every node runs: what one has lost must be given to it anew."""
    names = [node.name for node in nodes(name)]
    form = "{{.Name}} {{.State.StartedAt}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    listing = run(["docker", "inspect", "--format", form, *names], timeout_s=30).text if names else ""
    rows = [words for line in listing.splitlines() if len(words := line.split()) > 2]  # noqa: PLR2004
    return {words[0].lstrip("/"): Boot(words[1], words[2]) for words in rows}


def read_config(path: Path) -> dict[str, Any]:
    """Read a kind configuration.

    Raises:
        UsageError: when it is none.
    """
    base = yamlfile.load(path, what="kind configuration")
    if not isinstance(base, dict) or base.get("kind") != "Cluster":
        raise UsageError(f"{path} is no kind configuration", hint="see fixtures/kind/default.yaml")
    if problem := wrong(base, _SHAPE, "it"):
        raise UsageError(f"{path}: broken kind configuration: {problem}", hint="see fixtures/kind/default.yaml")
    return base


def create(name: str, *, image: str, version: str, config: dict[str, Any], progress: Progress) -> None:
    """Create a cluster.

    Args:
        name: of the cluster.
        image: of its nodes.
        version: of Kubernetes in that image.
        config: as `read_config` returned it.
        progress: takes the figures.

    Raises:
        ClusterUnusableError: when kind fails; nothing is left of the attempt.
    """
    program = str(ensure_kind(progress))
    place = folder(name)
    made = place / _CONFIG
    kubeconfig(name).unlink(missing_ok=True)
    (place / IDENTITY).unlink(missing_ok=True)
    made.write_text(yaml.safe_dump(_configuration(config, image=image, version=version), sort_keys=False))
    command = [program, "create", "cluster", "--name", name, "--image", image, "--config", str(made),
               "--kubeconfig", str(kubeconfig(name)), "--retain"]  # fmt: skip
    log = place / "create.log"
    log.unlink(missing_ok=True)
    try:
        with progress.step("kind", f"creating cluster {name} ({image})"):
            run(command, timeout_s=_CREATE_S, log=log, env=_docker_only())
    except CommandError as error:
        delete(name)
        raise ClusterUnusableError(
            f"kind could not create {name}", hint=f"{error.output[-1500:]}\n    whole log: {log}"
        ) from error
    kubeconfig(name).chmod(0o600)


def _docker_only() -> dict[str, str]:
    """Everything else here talks to the nodes through docker."""
    name = "KIND_EXPERIMENTAL_PROVIDER"
    return {name: "docker"} if os.environ.get(name, "docker") != "docker" else {}


def _configuration(base: dict[str, Any], *, image: str, version: str) -> dict[str, Any]:
    record = assemble.read_record(version).get("inputs")
    local = image == assemble.image(version) and isinstance(record, dict)
    tags = record if local and isinstance(record, dict) else {}
    v1 = run(["docker", "info", "--format", "{{.CgroupVersion}}"], timeout_s=30).text == "1"
    return kindconfig.configure(
        base, version=version, cgroup_v1=v1, local_image=local, etcd_tag=str(tags.get("etcd", "")),
        coredns_tag=str(tags.get("coredns", "")),
    )  # fmt: skip


def furnish(name: str, access: NodeAccess, *, local_image: bool, uplink: bool) -> None:
    """Give a cluster what kind does not.

    Precedence of control plane and kubelets, pod network, CoreDNS that fails fast, labels of workers, a CRI tool.
    """
    found = nodes(name)
    control = found[0].name
    precedence.grant(access, [n.name for n in found if n.role == "control-plane"], [n.name for n in found])
    if not uplink:
        _cut_forward(access, control)
    _keep_dns(access, control)
    if local_image:
        network.ensure(access, _node_nets(access, control, len(found)))
    workers = [node.name for node in found if node.role == "worker"]
    for index, worker in enumerate(workers):
        role = STEADY if index == 0 else DISTURBED
        kubectl(access, control, "label", "--overwrite", "node", worker, f"{ROLE_LABEL}={role}")
    with ThreadPoolExecutor(max_workers=len(found)) as pool:
        list(pool.map(lambda node: ensure_cri_tool(access, node.name), found))


def _node_nets(access: NodeAccess, control: str, count: int) -> list[network.NodeNet]:
    """Return every node's place in the network; the ranges are allotted a moment after the nodes are there."""
    deadline = Deadline.after(_RANGES_S)
    while True:
        nets = network.node_nets(kubectl_json(access, control, "get", "nodes"))
        if len(nets) >= count:
            return nets
        if deadline.passed:
            text = f"only {len(nets)} of {count} nodes were given a range of Pod addresses"
            raise ClusterUnusableError(text, hint=inotify.hint())
        time.sleep(_POLL_S)


def ensure_cri_tool(access: NodeAccess, node: str) -> None:
    """Put podvow-cri on a node that has no crictl (published node images have it).

    One that came with the node image may be older than this checkout; it has to do where no other can be compiled.
    """
    tool = tool_of(access, node)
    if tool == CRICTL or (tool and not can_build_nodetool()):
        return
    put_file(access, node, "/usr/local/bin/podvow-cri", ensure_nodetool().read_bytes(), "0755")


def wait(name: str, access: NodeAccess) -> None:
    """Wait until nodes are Ready, cluster DNS answers and the default service account is there.

    Raises:
        ClusterUnusableError: when it takes too long.
    """
    control = nodes(name)[0].name
    steps = (
        ("wait", "--for=condition=Ready", "nodes", "--all", f"--timeout={_READY_S}s"),
        ("wait", "--for=create", "serviceaccount/default", "--namespace=default", f"--timeout={_READY_S}s"),
        ("rollout", "status", "deployment/coredns", "--namespace=kube-system", f"--timeout={_READY_S}s"),
    )
    for step in steps:
        try:
            kubectl(access, control, *step, timeout_s=_READY_S + 30)
        except CommandError as error:
            host = f"DOCKER_HOST={os.environ['DOCKER_HOST']} " if os.environ.get("DOCKER_HOST") else ""
            raise ClusterUnusableError(
                "\n  ".join([f"{name} does not become ready: {error.output}", *_complaints(access, control)]),
                hint=f"{host}docker exec {control} kubectl get pods -A shows more",
            ) from error
    deadline = Deadline.after(_READY_S)
    while missing := _unsettled(name, access, control):
        if deadline.passed:
            raise ClusterUnusableError(f"{name} does not become ready: {missing}")
        time.sleep(_POLL_S)


def _unsettled(name: str, access: NodeAccess, control: str) -> str:
    """Say what a cluster still lacks, empty when nothing.

    Right after a node was started again the API still shows what was true before: all ready. So ask for signs of
    life that are newer, and ask cluster DNS itself, by its Pods and by its Service.
    """
    dns = "/api/v1/namespaces/kube-system/pods"
    try:
        leases = kubectl_json(access, control, "get", "leases", "--namespace=kube-node-lease").get("items", [])
        renewed = {lease["metadata"]["name"]: str(lease["spec"].get("renewTime", "")) for lease in leases}
        silent = sorted(node for node, boot in boots(name).items() if renewed.get(node, "") <= boot.since)
        if silent:
            return f"the kubelet of {', '.join(silent)} has not spoken since the node was started"
        selector = ("--namespace=kube-system", "--selector=k8s-app=kube-dns")
        pods = kubectl_json(access, control, "get", "pods", *selector).get("items", [])
        for pod in pods:
            kubectl(access, control, "get", "--raw", f"{dns}/{pod['metadata']['name']}:8181/proxy/ready")
        service = kubectl_json(access, control, "get", "service", "kube-dns", "--namespace=kube-system")
        url = f"http://{service['spec']['clusterIP']}:9153/metrics"
        access.exec(control, ["curl", "--silent", "--fail", "--max-time", "2", "--output", "/dev/null", url])
    except CommandError as error:
        return f"cluster DNS does not answer: {error.output}"
    return "" if pods else "there is no Pod of cluster DNS"


def _complaints(access: NodeAccess, control: str) -> list[str]:
    """What the nodes that are not ready say about it."""
    try:
        items = kubectl_json(access, control, "get", "nodes").get("items", [])
    except CommandError:
        return []
    return [
        f"{item['metadata']['name']}: {condition.get('message', '')}"
        for item in items
        for condition in item.get("status", {}).get("conditions", [])
        if condition.get("type") == "Ready" and condition.get("status") != "True"
    ]


def start(name: str) -> None:
    """Start node containers that a reboot or a dead engine stopped."""
    stopped = [node.name for node in nodes(name) if not node.running]
    if stopped:
        run(["docker", "start", *stopped], timeout_s=120)


def delete(name: str) -> None:
    """Delete the node containers of a cluster with their volumes; no error when there are none."""
    found = [node.name for node in nodes(name)]
    if found:
        ids = run(["docker", "inspect", "--format", "{{.Id}}", *found], check=False, timeout_s=30).text.split()
        with frost.thawing(ids):
            run(["docker", "rm", "--force", "--volumes", *found], timeout_s=180)
    # They would be taken for the next cluster's if that one's making were interrupted.
    for file in ("kubeconfig", IDENTITY):
        (cache_dir("clusters") / name / file).unlink(missing_ok=True)


def clusters(*, own_engine: bool) -> list[str]:
    """Return the names of the kind clusters of the engine that podvow made.

    Args:
        own_engine: whether the engine is podvow's own: then all that it has are podvow's.
    """
    form = '{{.Label "' + _LABEL + '"}}'
    listing = run(["docker", "ps", "--all", "--filter", f"label={_LABEL}", "--format", form], timeout_s=30)
    names = set(listing.text.split())
    return sorted(names if own_engine else names & set(known()))


def kubectl(
    access: NodeAccess, control: str, *words: str, timeout_s: float = 60.0, stdin: bytes | None = None
) -> bytes:
    """Run the kubectl of the control-plane node as its administrator; returns what it wrote."""
    command = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", *words]
    return access.exec(control, command, timeout_s=timeout_s, stdin=stdin).stdout


def kubectl_json(access: NodeAccess, control: str, *words: str) -> dict[str, Any]:
    """Run kubectl with JSON output."""
    return dict(json.loads(kubectl(access, control, *words, "-o", "json")))


def _keep_dns(access: NodeAccess, control: str) -> None:
    """Let CoreDNS run on the control plane only: a worker that is rebooted must not take the others' names away."""
    selector = {"kubernetes.io/os": "linux", "node-role.kubernetes.io/control-plane": ""}
    patch = json.dumps({"spec": {"template": {"spec": {"nodeSelector": selector}}}})
    kubectl(
        access, control, "patch", "deployment", "coredns", "--namespace=kube-system", "--type=merge", "-p", patch
    )


def _cut_forward(access: NodeAccess, control: str) -> None:
    """Before CoreDNS starts: it reads its configuration when the network comes up, so no restart is needed."""
    document = kubectl_json(access, control, "get", "configmap", "coredns", "--namespace=kube-system")
    corefile = document["data"]["Corefile"]
    document["data"]["Corefile"] = kindconfig.without_forward(corefile)
    if document["data"]["Corefile"] == corefile:
        return
    kubectl(access, control, "replace", "-f", "-", stdin=json.dumps(document).encode())
