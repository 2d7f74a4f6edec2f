"""Makes container images as archive files from a folder, without an engine and always with the same digest.

The format is Docker's archive (`docker load` and containerd's `ctr images import` both take it). Must not know
which images there are.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from podvow.cluster import stages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image starts by default.

    Attributes:
        entrypoint: the program.
        cmd: its default arguments.
        env: NAME=value.
        workdir: its working folder.
        stop_signal: the signal that stops it.
        labels: image labels.
    """

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    env: Sequence[str] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    workdir: str = "/"
    stop_signal: str = ""
    labels: dict[str, str] = field(default_factory=dict)

    def document(self, diff_id: str) -> dict[str, object]:
        """Return the image's configuration document for its only layer."""
        inner: dict[str, object] = {"Env": list(self.env), "WorkingDir": self.workdir}
        if self.entrypoint:
            inner["Entrypoint"] = list(self.entrypoint)
        if self.cmd:
            inner["Cmd"] = list(self.cmd)
        if self.stop_signal:
            inner["StopSignal"] = self.stop_signal
        if self.labels:
            inner["Labels"] = self.labels
        return {
            "architecture": architecture(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": inner,
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "podvow"}],
        }


def architecture() -> str:
    """Return this machine's architecture in the words of images."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def write_archive(tree: Path, refs: Iterable[str], config: ImageConfig, target: Path) -> str:
    """Write the image of a folder to an archive file.

    Args:
        tree: its root file system; owners become root, times become 0.
        refs: names such as `podvow/busybox:blue`.
        config: what it starts.
        target: the archive.

    Returns:
        The image's id, which is the digest of its configuration: `sha256:…`.
    """
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".layer-") as layer:
        _write_layer(tree, cast("BinaryIO", layer))
        layer.flush()
        layer.seek(0)
        diff_id = f"sha256:{stages.digest(Path(layer.name))}"
        document = json.dumps(config.document(diff_id), sort_keys=True).encode()
        identity = hashlib.sha256(document).hexdigest()
        manifest = [{"Config": f"{identity}.json", "RepoTags": sorted(refs), "Layers": [f"{diff_id[7:]}.tar"]}]
        with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
            _add_bytes(archive, f"{identity}.json", document)
            _add_bytes(archive, "manifest.json", json.dumps(manifest).encode())
            entry = tarfile.TarInfo(f"{diff_id[7:]}.tar")
            layer.seek(0, io.SEEK_END)
            entry.size = layer.tell()
            layer.seek(0)
            archive.addfile(entry, cast("BinaryIO", layer))
    return f"sha256:{identity}"


def image_id(archive: Path) -> str:
    """Return the id of the image in an archive of ours or of `docker save`."""
    with tarfile.open(archive) as file:
        member = file.extractfile("manifest.json")
        manifest = json.load(member) if member else [{"Config": ""}]
    return f"sha256:{manifest[0]['Config'].rsplit('/', 1)[-1].removesuffix('.json')}"


def _write_layer(tree: Path, out: BinaryIO) -> None:
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, bufsize=_BLOCK) as tar:
        for path in sorted(tree.rglob("*")):
            if path.is_socket():
                continue
            entry = tar.gettarinfo(path, str(path.relative_to(tree)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = 0
            if entry.isreg():
                with path.open("rb") as file:
                    tar.addfile(entry, file)
            else:
                tar.addfile(entry)


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))
