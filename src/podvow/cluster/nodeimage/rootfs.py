"""The node's root file system: Debian packages, kind's own node files, and what kind's base image does with them.

kind's files (entrypoint, units, containerd's configuration) are read from the kind module in Go's module cache;
nothing of them is kept in this repository. All packages go in here, because later there is no network inside.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from podvow.cluster import debian, stages
from podvow.cluster.nodeimage import programs
from podvow.cluster.nodeimage.golang import download
from podvow.cluster.process import CommandError, run
from podvow.errors import ClusterUnusableError
from podvow.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterable

# Debian 12 on purpose: its systemd 252 still runs on cgroup v1; 256 and later refuse.
SUITE = "bookworm"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux",
    "mount", "kmod", "libseccomp2", "e2fsprogs", "ca-certificates", "curl", "jq", "procps", "runc",
    "containernetworking-plugins", "socat", "bash", "findutils", "tar",
)  # fmt: skip
_CNI = ("host-local", "loopback", "ptp", "portmap", "bridge")
_UNITS = ("kubelet.service", "containerd.service", "undo-mount-hacks.service")
_EXECUTABLE = ("usr/local/bin", "kind/bin")
_RECIPE = 3


def folder() -> Path:
    """Return the stage's folder, which holds rootfs.tar."""
    return cache_dir("rootfs") / SUITE


def inputs() -> dict[str, object]:
    """What the root file system depends on."""
    return {"suite": SUITE, "packages": list(PACKAGES), "kind": programs.KIND_VERSION, "recipe": _RECIPE}


def is_built() -> bool:
    """Whether the stage is complete."""
    return stages.is_complete(folder(), inputs(), thorough=False)


def build() -> bool:
    """Make rootfs.tar unless it is there; returns whether it had to."""
    debian.ensure_tools({"debootstrap": "debootstrap"})

    def make(new: Path) -> None:
        root = new / "root"
        mirror = debian.main_source(debian.host_sources(), debian.host_codename()).uri
        log = new.parent / "debootstrap.log"
        log.unlink(missing_ok=True)
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root), mirror]
        try:
            run(command, env={"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}, log=log)
        except CommandError as error:
            raise ClusterUnusableError(
                "debootstrap failed", hint=f"{error.output[-600:]}\n    whole output: {log}"
            ) from error
        kind = Path(download(programs.KIND_MODULE, programs.KIND_VERSION)["Dir"])
        finish(root, kind / "images/base/files")
        run(["tar", "-C", str(root), "--numeric-owner", "--one-file-system", "-cf", str(new / "rootfs.tar"), "."])
        stages.discard(root)

    return stages.ensure(folder(), inputs(), make)


def finish(root: Path, kind_files: Path) -> None:
    """Turn a plain Debian into a kind node: kind's files, units, CNI plugins; trims what a node does not need."""
    _copy_kind_files(kind_files, root)
    wants = {
        "usr/lib/systemd/system/sysinit.target.wants": "systemd-tmpfiles-setup.service",
        "usr/lib/systemd/system/multi-user.target.wants": "*",
        "usr/lib/systemd/system/local-fs.target.wants": "*",
        "usr/lib/systemd/system/sockets.target.wants": "*",
        "usr/lib/systemd/system/basic.target.wants": "*",
    }
    for where, pattern in wants.items():
        for unit in (root / where).glob(pattern):
            if where.endswith("sockets.target.wants") and not any(
                word in unit.name for word in ("udev", "initctl")
            ):
                continue
            unit.unlink()
    _unlink_all((root / "etc/systemd/system").glob("*.wants/*"))
    units = root / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True, exist_ok=True)
    for unit_name in _UNITS:
        (units / "multi-user.target.wants" / unit_name).symlink_to(f"/etc/systemd/system/{unit_name}")
    # It registers things that belong to the whole kernel.
    (units / "systemd-binfmt.service").symlink_to("/dev/null")
    with (root / "etc/systemd/journald.conf").open("a") as file:
        file.write("ReadKMsg=no\n")
    (root / "etc/kubernetes/manifests").mkdir(parents=True, exist_ok=True)
    plugins = root / "opt/cni/bin"
    plugins.mkdir(parents=True, exist_ok=True)
    for name in _CNI:
        shutil.copy2(root / "usr/lib/cni" / name, plugins / name)
    # The machine's identity is made at first boot; package caches are dead weight.
    (root / "etc/machine-id").write_text("")
    _unlink_all((root / "var/cache/apt/archives").glob("*.deb"))
    for part in ("var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / part, ignore_errors=True)


def _copy_kind_files(files: Path, root: Path) -> None:
    if not (files / "usr/local/bin/entrypoint").is_file():
        raise ClusterUnusableError(
            f"the kind module has no node files in {files}", hint="its layout changed: tell podvow's authors"
        )
    for source in files.rglob("*"):
        if not source.is_file():
            continue
        relative = source.relative_to(files)
        target = root / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not copy2: files in the module cache are read-only.
        shutil.copyfile(source, target)
        target.chmod(0o755 if str(relative.parent) in _EXECUTABLE else 0o644)
    (root / "kind").chmod(0o755)


def _unlink_all(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()
