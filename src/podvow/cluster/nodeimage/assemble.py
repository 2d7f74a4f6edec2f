"""Puts the parts together: root file system → container with the programs and all images in it → node image.

Needs an engine; everything else comes from the cache.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from typing import TYPE_CHECKING

from podvow.cluster import process, stages
from podvow.cluster.nodeimage import kubeimages, rootfs
from podvow.cluster.process import CommandError, run
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError
from podvow.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from podvow.cluster.nodeimage.golang import Program

REPOSITORY = "podvow/node"
RECIPE = 2
"""Raised when a node image is put together in another way: those of before are made anew."""
_PINNED = "--label=io.cri-containerd.pinned=pinned"
_KUBERNETES = ("kubelet", "kubeadm", "kubectl")
_CHANGES = (
    "ENV container=docker",
    "STOPSIGNAL SIGRTMIN+3",
    'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
)


def image(version: str) -> str:
    """Return the reference of the node image of a version."""
    return f"{REPOSITORY}:{version}"


def record_path(version: str) -> Path:
    """Return the file that says which engine image was made for a version, and from what."""
    return cache_dir("nodeimages") / f"{version}.json"


def read_record(version: str) -> dict[str, object]:
    """Return what was recorded for a version; empty when nothing was."""
    try:
        record = json.loads(record_path(version).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def is_current(record: Mapping[str, object]) -> bool:
    """Whether a recorded image was put together the way it is done today."""
    inputs = record.get("inputs")
    return isinstance(inputs, dict) and inputs.get("recipe") == RECIPE


def engine_has(reference: str, identity: object) -> bool:
    """Whether the engine holds an image under that reference with that id."""
    ran = run(["docker", "image", "inspect", "--format", "{{.Id}}", reference], check=False)
    return ran.code == 0 and ran.text == identity


def assemble(
    version: str,
    *,
    kubernetes: Program,
    containerd: Program,
    nodetool: Program,
    pause: str,
    inputs: dict[str, object],
) -> str:
    """Make the node image and return its id.

    Args:
        version: of Kubernetes.
        kubernetes: its programs.
        containerd: the runtime's programs.
        nodetool: our node tool.
        pause: reference of the sandbox image.
        inputs: recorded with the image.
    """
    base = _import_base()
    with _container(base) as name:
        _copy_in(name, kubernetes, _KUBERNETES, "/usr/bin")
        _copy_in(name, containerd, containerd.programs, "/usr/local/bin")
        _copy_in(name, nodetool, nodetool.programs, "/usr/local/bin")
        _write(name, "/kind/version", version)
        _configure_containerd(name, pause)
        _preload(name, kubeimages.archives(version))
        run(
            ["docker", "commit", *[w for c in _CHANGES for w in ("--change", c)], name, image(version)],
            timeout_s=600,
        )
    identity = run(["docker", "image", "inspect", "--format", "{{.Id}}", image(version)]).text
    said = run(
        ["docker", "run", "--rm", "--network", "none", "--entrypoint", "kubelet", image(version), "--version"],
        timeout_s=60,
    ).text
    if said != f"Kubernetes {version}":
        raise ClusterUnusableError(f"the node image's kubelet says {said!r} instead of Kubernetes {version}")
    temporary = record_path(version).with_suffix(".tmp")
    temporary.write_text(
        json.dumps(
            {"image": image(version), "id": identity, "key": stages.key_of(inputs), "inputs": inputs}, indent=1
        )
    )
    temporary.replace(record_path(version))
    return identity


def _import_base() -> str:
    key = stages.key_of(rootfs.inputs())
    reference = f"{REPOSITORY}-base:{key}"
    if run(["docker", "image", "inspect", reference], check=False).code != 0:
        changes = [word for change in _CHANGES for word in ("--change", change)]
        run(["docker", "import", *changes, str(rootfs.folder() / "rootfs.tar"), reference], timeout_s=600)
    return reference


@contextlib.contextmanager
def _container(base: str) -> Iterator[str]:
    name = f"podvow-node-image-{time.time_ns()}"
    options = ["--detach", "--name", name, "--privileged", "--network", "none", "--entrypoint", "sleep"]
    run(["docker", "run", *options, base, "infinity"], timeout_s=120)
    try:
        yield name
    finally:
        run(["docker", "rm", "--force", "--volumes", name], check=False, timeout_s=60)


def _copy_in(name: str, program: Program, names: Sequence[str], where: str) -> None:
    process.pipe(
        ["tar", "-C", str(program.folder), "--owner=0", "--group=0", "--mode=0755", "-c", *names],
        ["docker", "exec", "-i", name, "tar", "-x", "-C", where],
    )


def _exec(name: str, argv: list[str], *, stdin: bytes | None = None) -> bytes:
    return run(["docker", "exec", "-i", name, *argv], stdin=stdin, timeout_s=300).stdout


def _write(name: str, path: str, text: str) -> None:
    # `docker exec` hands over standard input only with -i.
    _exec(name, ["cp", "/dev/stdin", path], stdin=text.encode())


def _configure_containerd(name: str, pause: str) -> None:
    spec = json.loads(_exec(name, ["ctr", "oci", "spec"]))
    _write(name, "/etc/containerd/cri-base.json", json.dumps(node_oci_spec(spec)))
    config = _exec(name, ["cat", "/etc/containerd/config.toml"]).decode()
    _write(name, "/etc/containerd/config.toml", node_containerd_config(config, pause))


def node_oci_spec(spec: dict[str, object]) -> dict[str, object]:
    """Return containerd's default spec without limits that a host may refuse.

    kind's own hook is left out: it only gives containers made-up DMI files, and costs five processes for each.
    """
    changed = json.loads(json.dumps(spec))
    changed.get("process", {}).pop("rlimits", None)
    return dict(changed)


def node_containerd_config(config: str, pause: str) -> str:
    """Return kind's containerd configuration with our sandbox image and without lowering of OOM scores.

    `restrict_oom_score_adj`: without CAP_SYS_RESOURCE no score can be lowered, and the container would not start.
    """
    changed = re.sub(r'sandbox_image = ".*"', f'sandbox_image = "{pause}"', config)
    return re.sub(r"restrict_oom_score_adj = false", "restrict_oom_score_adj = true", changed)


def _preload(name: str, archives: list[Path]) -> None:
    run(["docker", "exec", "--detach", name, "containerd"])
    deadline = Deadline.after(60)
    while run(["docker", "exec", name, "ctr", "version"], check=False, timeout_s=30).code != 0:
        if deadline.passed:
            raise ClusterUnusableError("containerd does not start in the node image")
        time.sleep(0.2)
    for archive in archives:
        # --no-unpack: the image lies on an overlay, and an overlay on an overlay cannot be unpacked to.
        command = ["ctr", "-n", "k8s.io", "images", "import", "--no-unpack", "--digests", _PINNED, "-"]
        with archive.open("rb") as file:
            run(["docker", "exec", "-i", name, *command], stdin=file, timeout_s=300)
    run(["docker", "exec", name, "pkill", "-x", "containerd"], check=False)
    deadline = Deadline.after(30)
    while run(["docker", "exec", name, "pgrep", "-x", "containerd"], check=False).code == 0:
        if deadline.passed:
            raise CommandError(["pkill", "containerd"], None, b"still runs")
        time.sleep(0.1)
