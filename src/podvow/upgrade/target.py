"""The programs and images of the version that an upgrade goes to, taken out of that version's node image.

So it needs no registry, and works for published node images as for those that were built here: both hold kubeadm,
the kubelet and kubectl as files, and the images of the components in the store of their containerd.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from podvow.cluster.node import NodeAccess, put_program
from podvow.cluster.process import run
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError
from podvow.upgrade.kubeadm import PROGRAMS, STAGED

_NODE_IMAGES = frozenset({"kube-proxy", "pause", "coredns"})
"""Components that run on every node."""
_CONTROL_IMAGES = _NODE_IMAGES | {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"}
_CTR = ("ctr", "-n", "k8s.io", "images")
_COPY_S = 600.0
_OWN = {"kubeadm": "/usr/bin/kubeadm"}
"""Programs that are put in their place at once: the new kubeadm does the upgrade."""


class Target:
    """An open node image.

    Args:
        container: name of a container of it whose containerd runs.
    """

    def __init__(self, container: str) -> None:
        self._container = container

    def program(self, name: str) -> bytes:
        """Return a program."""
        return run(["docker", "exec", self._container, "cat", f"/usr/bin/{name}"], timeout_s=_COPY_S).stdout

    def images(self) -> list[str]:
        """Return the names of the images in it."""
        return run(["docker", "exec", self._container, *_CTR, "ls", "-q"], timeout_s=_COPY_S).text.split()

    def archive(self, reference: str, path: Path) -> None:
        """Write an image into a file."""
        path.unlink(missing_ok=True)
        inside = "/tmp/podvow-image.tar"  # noqa: S108 (in a container of ours)
        run(["docker", "exec", self._container, *_CTR, "export", inside, reference], timeout_s=_COPY_S)
        path.write_bytes(run(["docker", "exec", self._container, "cat", inside], timeout_s=_COPY_S).stdout)


@contextlib.contextmanager
def opened(reference: str) -> Iterator[Target]:
    """Give a node image, open.

    Args:
        reference: its name.

    Raises:
        ClusterUnusableError: its containerd does not start.
    """
    name = f"podvow-upgrade-{time.time_ns()}"
    options = ["--detach", "--name", name, "--privileged", "--network", "none", "--entrypoint", "sleep"]
    run(["docker", "run", *options, reference, "infinity"], timeout_s=120)
    try:
        run(["docker", "exec", "--detach", name, "containerd"])
        deadline = Deadline.after(60)
        while run(["docker", "exec", name, "ctr", "version"], check=False, timeout_s=30).code != 0:
            if deadline.passed:
                raise ClusterUnusableError(f"containerd does not start in {reference}")
            time.sleep(0.2)
        yield Target(name)
    finally:
        run(["docker", "rm", "--force", "--volumes", name], check=False, timeout_s=60)


def component(reference: str) -> str:
    """Return the component that an image is of: the last part of its name, without tag and digest."""
    return reference.rpartition("/")[2].partition("@")[0].partition(":")[0]


def wanted(references: Sequence[str], held: Sequence[str], *, control_plane: bool) -> list[str]:
    """Return the images that a node needs for the upgrade and lacks.

    Args:
        references: the images of the target.
        held: the images of the node.
        control_plane: whether the node carries the control plane.
    """
    components = _CONTROL_IMAGES if control_plane else _NODE_IMAGES
    tagged = [each for each in references if "@" not in each and component(each) in components]
    return sorted(each for each in tagged if each not in held)


def stage(target: Target, access: NodeAccess, nodes: Sequence[str], control: str, scratch: Path) -> None:
    """Put the programs and the images that are needed on every node; nothing is used but kubeadm yet.

    Args:
        target: where they come from.
        access: the way onto the nodes.
        nodes: their names.
        control: name of the node of the control plane.
        scratch: a folder for archives.
    """
    for name in PROGRAMS:
        program = target.program(name)
        place = _OWN.get(name, f"{STAGED}/{name}")
        for node in nodes:
            put_program(access, node, place, program, timeout_s=_COPY_S)
    references = target.images()
    held = {node: access.exec(node, [*_CTR, "ls", "-q"]).stdout.decode().split() for node in nodes}
    lacks = {node: wanted(references, held[node], control_plane=node == control) for node in nodes}
    archive = scratch / "image.tar"
    for reference in sorted({each for found in lacks.values() for each in found}):
        target.archive(reference, archive)
        data = archive.read_bytes()
        for node in [name for name in nodes if reference in lacks[name]]:
            access.exec(node, [*_CTR, "import", "--no-unpack", "--digests", "-"], stdin=data, timeout_s=_COPY_S)
    archive.unlink(missing_ok=True)
