"""`podvow node-image build`: all stages in their order, what can overlap does, figures kept.

Resumable: every stage leaves its stamp; a second call does nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock

from podvow.cluster import debian, process, space, stages
from podvow.cluster.engine import Engine, ensure_engine
from podvow.cluster.nodeimage import assemble, golang, gomod, kubeimages, programs, rootfs
from podvow.cluster.process import CommandError, run
from podvow.cluster.progress import Progress
from podvow.errors import ClusterUnusableError
from podvow.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from podvow.cluster.nodeimage.golang import Program

_PULL_S = 20.0
# Measured with one version and one cluster of three nodes; Go's two caches lie on one disk as a rule.
_CACHE_BYTES = 8 * space.GIB
_GO_BYTES = 2 * space.GIB
_EXPECT = {
    "kubernetes": "about 7 min the first time on 2 cores",
    "containerd": "about 100 s the first time",
    "etcd": "about 50 s the first time",
    "coredns": "about 165 s the first time",
    "kind": "about 40 s the first time",
    "podvow-cri": "a few seconds",
}


@dataclass(frozen=True, slots=True)
class NodeImage:
    """A node image that the engine holds.

    Attributes:
        reference: its name.
        version: of Kubernetes in it.
        local: whether it was made here: it has no network plugin then.
    """

    reference: str
    version: str
    local: bool


def ensure_node_image(version: str | None = None, progress: Progress | None = None) -> NodeImage:
    """Return a node image that the engine holds, pulling or building it when it is missing.

    Args:
        version: of Kubernetes; None for the default version, or for the one that is published for our kind where
            only that can be had without building.
        progress: takes the figures.

    Raises:
        ClusterUnusableError: when it cannot be made.
    """
    progress = progress or Progress()
    engine = ensure_engine(progress)
    wanted = version or programs.DEFAULT_VERSION
    gomod.staging_version(wanted)
    with FileLock(cache_dir("nodeimages") / f".{wanted}.lock"):
        record = assemble.read_record(wanted)
        if assemble.is_current(record) and assemble.engine_has(assemble.image(wanted), record.get("id")):
            return NodeImage(assemble.image(wanted), wanted, local=True)
        candidates = [wanted] if version else [wanted, programs.PUBLISHED_VERSION]
        pulled, why = _published(engine, candidates, progress)
        if pulled:
            return pulled
        try:
            return NodeImage(build_node_image(wanted, progress), wanted, local=True)
        except ClusterUnusableError as error:
            if not why:
                raise
            raise ClusterUnusableError(
                f"no node image of Kubernetes {wanted}: {why}; and it cannot be built here: {error.message}",
                hint=error.hint,
            ) from error


def build_node_image(version: str = programs.DEFAULT_VERSION, progress: Progress | None = None) -> str:
    """Build the node image from Go modules and Debian packages and return its reference."""
    progress = progress or Progress()
    _check_machine(version)
    ensure_engine(progress)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="node-image") as pool:
        try:
            # What waits for the network (Debian packages, modules of what comes later) runs beside the compiler.
            base = pool.submit(_rootfs, progress)
            ahead = pool.submit(
                _fetch, [programs.containerd(), *([] if shutil.which("kind") else [programs.kind()])]
            )
            kubernetes = _built(programs.kubernetes(version), progress)
            _fail_early(base, ahead)
            wanted = wanted_images(kubernetes, version)
            etcd, coredns = programs.etcd(wanted.tag("etcd")), programs.coredns(wanted.tag("coredns"))
            later = pool.submit(_fetch, [coredns, etcd])
            ahead.result()
            containerd = _built(programs.containerd(), progress)
            nodetool = _built(programs.nodetool(), progress)
            _fail_early(base, later)
            later.result()
            coredns = _built(coredns, progress)
            etcd = _built(etcd, progress)
            base.result()
        except BaseException:
            process.kill_children()
            raise
    with progress.step("component images", "making the images of Kubernetes' components"):
        kubeimages.build(kubernetes, etcd, coredns, wanted)
    inputs = {
        "recipe": assemble.RECIPE,
        "programs": [stages.read_stamp(p.folder).get("key") for p in (kubernetes, containerd, nodetool)],
        "images": stages.read_stamp(kubeimages.folder(version)).get("key"),
        "rootfs": stages.read_stamp(rootfs.folder()).get("key"),
        "etcd": kubeimages.own_tag(wanted, "etcd", etcd),
        "coredns": kubeimages.own_tag(wanted, "coredns", coredns),
        "repository": wanted.refs["etcd"].rsplit("/", 1)[0],
    }
    with progress.step("node image", f"putting {assemble.image(version)} together"):
        assemble.assemble(
            version,
            kubernetes=kubernetes,
            containerd=containerd,
            nodetool=nodetool,
            pause=wanted.refs["pause"],
            inputs=inputs,
        )
    progress.say(f"{assemble.image(version)} is ready after {progress.elapsed_s:.0f} s")
    progress.keep(cache_dir("nodeimages") / f"{version}.figures.json", version=version)
    return assemble.image(version)


def wanted_images(kubernetes: Program, version: str) -> programs.Wanted:
    """Ask kubeadm which images it wants."""
    listing = run(
        [str(kubernetes.path("kubeadm")), "config", "images", "list", "--kubernetes-version", version]
    ).text
    return programs.Wanted.parse(listing)


def ensure_kind(progress: Progress | None = None) -> Path | str:
    """Return the kind program: the user's if there is one on PATH, else ours, built from its module."""
    found = shutil.which("kind")
    if found:
        return found
    program = programs.kind()
    if not program.is_built() and not shutil.which("go"):
        raise ClusterUnusableError(
            "there is neither kind nor Go (to compile it) on PATH", hint="install kind, https://kind.sigs.k8s.io"
        )
    return _built(program, progress or Progress()).path("kind")


def can_build_nodetool() -> bool:
    """Whether our node tool is there or can be compiled."""
    return programs.nodetool().is_built() or shutil.which("go") is not None


def ensure_nodetool(progress: Progress | None = None) -> Path:
    """Return our node tool, built if need be."""
    return _built(programs.nodetool(), progress or Progress()).path(programs.NODETOOL_NAME)


def list_node_images() -> list[dict[str, object]]:
    """Return what is recorded of the node images that were built here."""
    found = sorted(cache_dir("nodeimages").glob("v*.json"))
    return [assemble.read_record(path.stem) for path in found if not path.name.endswith(".figures.json")]


def _built(program: Program, progress: Progress) -> Program:
    if program.is_built():
        return program
    cost = _EXPECT.get(program.name, "")
    with progress.step(
        f"{program.name} {program.version}",
        f"compiling {program.name} {program.version} from its Go module: {cost}",
    ):
        golang.build(program)
    return program


def _rootfs(progress: Progress) -> None:
    if rootfs.is_built():
        return
    with progress.step("root file system", f"making the node's root file system (Debian {rootfs.SUITE})"):
        rootfs.build()


def _fetch(wanted: Sequence[Program]) -> None:
    for program in wanted:
        golang.fetch(program)


def _fail_early(*futures: Future[None]) -> None:
    """Raise what has gone wrong beside the compiler instead of compiling on for minutes."""
    for future in futures:
        if future.done():
            future.result()


def _check_machine(version: str) -> None:
    """Check before minutes of compiling what would be missing after them.

    Raises:
        ClusterUnusableError: naming it.
    """
    golang.require_go()
    if not stages.read_stamp(kubeimages.folder(version)):
        kubeimages.compiler()
    if not rootfs.is_built():
        if sys.platform != "linux" or os.geteuid() != 0:
            raise ClusterUnusableError(
                "the root file system of a node image can be made only as root on Linux",
                hint="let the container engine reach a registry: the published node image is used then",
            )
        debian.main_source(debian.host_sources(), debian.host_codename())
        space.require(
            {cache_dir(): _CACHE_BYTES, **dict.fromkeys(golang.caches(), _GO_BYTES)},
            f"building a node image of Kubernetes {version}",
        )


def _published(engine: Engine, versions: Sequence[str], progress: Progress) -> tuple[NodeImage | None, str]:
    """Return a published node image of the first version that has one, or why there is none.

    An engine without uplink cannot have it, and a registry out of reach must not cost minutes.
    """
    why = ""
    for version in versions:
        reference = f"kindest/node:{version}"
        if run(["docker", "image", "inspect", reference], check=False).code == 0:
            return NodeImage(reference, version, local=False), ""
        if not engine.has_uplink:
            continue
        try:
            with progress.step("registry", f"looking for {reference}"):
                run(["docker", "manifest", "inspect", reference], timeout_s=_PULL_S)
            with progress.step("pull", f"pulling {reference}"):
                run(["docker", "pull", reference], timeout_s=1800)
        except CommandError as error:
            why = f"{reference} cannot be pulled ({error.output.splitlines()[-1] if error.output else 'no answer'})"
            progress.say(why)
            if error.code is None:
                break
        else:
            return NodeImage(reference, version, local=False), ""
    return None, why
