"""Fixture images: made (or pulled) once as archives in the cache, loaded onto every node that lacks them.

Must not decide which images there are: the list does.
"""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from podvow import imageref
from podvow.cluster import debian, imagelist, netns, stages
from podvow.cluster.archive import image_id, write_archive
from podvow.cluster.engine import find_engine
from podvow.cluster.nodeimage.rootfs import SUITE
from podvow.cluster.process import CommandError, run
from podvow.cluster.progress import Progress
from podvow.errors import ClusterUnusableError
from podvow.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from podvow.cluster.imagelist import FixtureImage
    from podvow.cluster.node import NodeAccess
    from podvow.cluster.provider import Cluster

_PULL_S = 20.0
_RECIPE = 2
_USERS = (
    "root:x:0:0:root:/root:/bin/sh\n"
    "www-data:x:33:33:www-data:/var/www:/bin/false\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n"
)
_GROUPS = "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n"


def archive_of(image: FixtureImage) -> Path:
    """Return where the archive of an image lies."""
    return cache_dir("images") / image.name / "image.tar"


def prepare(images: Sequence[FixtureImage] | None = None, progress: Progress | None = None) -> list[FixtureImage]:
    """Make the archives of all images that the cache lacks; returns the images."""
    images = list(images if images is not None else imagelist.load())
    missing = [
        image
        for image in images
        if not stages.is_complete(archive_of(image).parent, _inputs(image), thorough=False)
    ]
    if missing:
        progress = progress or Progress()
        with progress.step("fixture images", f"making {len(missing)} fixture images"), netns.outside():
            engine = find_engine()
            uplink = engine is not None and engine.has_uplink
            for image in missing:
                stages.ensure(archive_of(image).parent, _inputs(image), partial(_make, image, uplink=uplink))
    return images


def ensure_fixture_images(cluster: Cluster, progress: Progress | None = None) -> None:
    """Load onto every node the images that it lacks.

    Raises:
        ClusterUnusableError: when there is no way onto the nodes and images are missing.
    """
    if cluster.access is None:
        raise ClusterUnusableError(
            "fixture images cannot be loaded: podvow has no access to the nodes of this cluster",
            hint="load the images of fixtures/images/images.yaml yourself, or use podvow up",
        )
    load(cluster.access, node_names(cluster), progress)


def load(access: NodeAccess, nodes: Sequence[str], progress: Progress | None = None) -> int:
    """Load onto these nodes the images that they lack; returns how many imports it took."""
    images = prepare(progress=progress)
    wanted = [(image, image_id(archive_of(image))) for image in images]

    def one(node: str) -> int:
        held = _held(access, node)
        lacking = [image for image, identity in wanted if not _node_has(held, image, identity)]
        for image in lacking:
            # As `kind load image-archive` does.
            command = ["ctr", "-n", "k8s.io", "images", "import", "--digests", "--snapshotter=overlayfs", "-"]
            access.exec(node, command, stdin=archive_of(image).read_bytes(), timeout_s=300)
        return len(lacking)

    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:
        return sum(pool.map(one, nodes))


def missing_images(cluster: Cluster) -> list[str]:
    """Return `node: reference` for every fixture image that a node lacks; empty too when nobody can look."""
    if cluster.access is None:
        return []
    access = cluster.access
    found = []
    for node in node_names(cluster):
        held = _held(access, node)
        for image in imagelist.load():
            archive = archive_of(image)
            identity = image_id(archive) if archive.is_file() else ""
            found += [f"{node}: {ref}" for ref in image.refs if not _node_has(held, image, identity)]
    return found


def node_names(cluster: Cluster) -> list[str]:
    """Return the names of a kind cluster's nodes, which are its containers' names."""
    listing = run(
        ["docker", "ps", "--filter", f"label=io.x-k8s.kind.cluster={cluster.name}", "--format", "{{.Names}}"],
        timeout_s=30,
    ).text
    return sorted(listing.split())


def _held(access: NodeAccess, node: str) -> tuple[set[str], set[str]]:
    """The references and the digests that a node's containerd holds."""
    refs = access.exec(node, ["ctr", "-n", "k8s.io", "images", "ls", "-q"]).stdout.decode().split()
    digests = access.exec(node, ["ctr", "-n", "k8s.io", "content", "ls", "-q"]).stdout.decode().split()
    return set(refs), set(digests)


def _node_has(held: tuple[set[str], set[str]], image: FixtureImage, identity: str) -> bool:
    refs, digests = held
    named = all(any(imageref.is_same(have, ref) for have in refs) for ref in image.refs)
    # The configuration's digest is the image's id; a reference alone may still point to an older build.
    return named and (not identity or identity in digests)


def _inputs(image: FixtureImage) -> dict[str, object]:
    return {"image": json.loads(image.model_dump_json()), "suite": SUITE, "recipe": _RECIPE}


def _make(image: FixtureImage, new: Path, *, uplink: bool) -> None:
    if uplink and image.pull and _pull(image, new):
        return
    tree = new / "tree"
    tree.mkdir()
    try:
        _unpack(image, new, tree)
    except ClusterUnusableError as error:
        raise ClusterUnusableError(
            f"the fixture image {image.name} cannot be made: {error.message}",
            hint=f"let the container engine reach a registry that has {image.pull or 'it'}; {error.hint}",
        ) from error
    furnish(image, tree)
    write_archive(tree, image.refs, image.image_config, new / "image.tar")
    stages.discard(tree)


def _unpack(image: FixtureImage, new: Path, tree: Path) -> None:
    debian.merge_usr(tree)
    debian.unpack(debian.PrivateApt([SUITE]).download(image.packages, new / "debs"), tree)
    stages.discard(new / "debs")


def furnish(image: FixtureImage, tree: Path) -> None:
    """Add to an unpacked tree what the list says: applets, files, links, folders; and the users of every image."""
    for pattern in image.drop:
        for path in tree.glob(pattern):
            stages.discard(path)
    if image.busybox:
        busybox = next(tree.glob("usr/bin/busybox"))
        for applet in run([str(busybox), "--list"]).text.split():
            link = tree / "usr/bin" / applet
            taken = any((tree / "usr" / folder / applet).exists() for folder in ("bin", "sbin"))
            if not taken and applet not in image.without:
                link.symlink_to("busybox")
    for name, text in {"etc/passwd": _USERS, "etc/group": _GROUPS, **image.files}.items():
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    for folder in ("root", "tmp", "proc", "sys", "dev", "var", *image.folders):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    (tree / "tmp").chmod(0o1777)
    for name, target in image.links.items():
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)


def _pull(image: FixtureImage, new: Path) -> bool:
    """Take an image from a registry, with the list's files added; False when no registry answers."""
    try:
        run(["docker", "manifest", "inspect", image.pull], timeout_s=_PULL_S)
        run(["docker", "pull", image.pull], timeout_s=600)
    except CommandError:
        return False
    name = f"podvow-image-{image.name}"
    with contextlib.suppress(CommandError):
        run(["docker", "rm", "--force", name])
    run(["docker", "create", "--name", name, image.pull])
    try:
        for path, text in image.files.items():
            local = new / "file"
            local.write_text(text)
            run(["docker", "cp", str(local), f"{name}:/{path}"])
            local.unlink()
        run(["docker", "commit", name, image.refs[0]])
        for ref in image.refs[1:]:
            run(["docker", "tag", image.refs[0], ref])
        run(["docker", "save", "-o", str(new / "image.tar"), *image.refs], timeout_s=600)
    finally:
        run(["docker", "rm", "--force", name], check=False)
    return True
