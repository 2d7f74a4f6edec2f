"""The images of Kubernetes' own components: static binaries that were built, and kube-proxy with its iptables.

Each is an archive file in the cache. Must not talk to an engine.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from podvow.cluster import stages
from podvow.cluster.archive import ImageConfig, write_archive
from podvow.cluster.debian import merge_usr
from podvow.cluster.nodeimage import rootfs
from podvow.cluster.process import run
from podvow.errors import ClusterUnusableError
from podvow.paths import cache_dir

if TYPE_CHECKING:
    from pathlib import Path

    from podvow.cluster.nodeimage.golang import Program
    from podvow.cluster.nodeimage.programs import Wanted

_SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
# The tools that kube-proxy calls, with every shared object that they load at run time (libxt_statistic.so needs
# libm, so whole packages are taken: a missing one shows only as "Failed to execute iptables-restore" in
# kube-proxy's log and as Services that never answer).
_PROXY_PACKAGES = (
    "iptables", "nftables", "libnftables1", "libxtables12", "libip4tc2", "libip6tc2", "libnftnl11", "libmnl0",
    "libnfnetlink0", "libnetfilter-conntrack3", "conntrack", "libjansson4", "libgmp10", "libedit2", "libbsd0",
    "libmd0", "libtinfo6", "libc6", "kmod", "libkmod2", "libzstd1", "liblzma5", "libssl3",
)  # fmt: skip
# `pause -v` ends: kubeadm runs it as a Job before an upgrade, and waits for its end.
_PAUSE_C = """\
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int s) { _exit(0); }
static void reap(int s) { while (waitpid(-1, NULL, WNOHANG) > 0) {} }
int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "-v") == 0) return puts("pause of podvow") < 0;
  struct sigaction on_end = {.sa_handler = end}, on_child = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
  sigaction(SIGINT, &on_end, NULL);
  sigaction(SIGTERM, &on_end, NULL);
  sigaction(SIGCHLD, &on_child, NULL);
  for (;;) pause();
}
"""
_PROXY_PARTS = ("./usr", "./var/lib/dpkg", "./bin", "./sbin", "./lib", "./lib64", "./etc")
_PLAIN = ImageConfig()
_RECIPE = 3


def folder(version: str) -> Path:
    """Return the stage's folder, which holds one archive per image."""
    return cache_dir("kubeimages") / version


def inputs(kubernetes: Program, etcd: Program, coredns: Program, wanted: Wanted) -> dict[str, object]:
    """What the images depend on."""
    return {
        "recipe": _RECIPE, "rootfs": rootfs.inputs(), "refs": wanted.refs, "packages": list(_PROXY_PACKAGES),
        "pause": _PAUSE_C,
        "programs": [stages.read_stamp(p.folder).get("key") for p in (kubernetes, etcd, coredns)],
        "tags": [own_tag(wanted, "etcd", etcd), own_tag(wanted, "coredns", coredns)],
    }  # fmt: skip


def own_tag(wanted: Wanted, component: str, program: Program) -> str:
    """Return the tag of a component: the wanted one if its version is what was built, else the built version's."""
    tag = wanted.tag(component)
    return tag if tag.removeprefix("v").split("-")[0] == program.version.removeprefix("v") else program.version


def build(kubernetes: Program, etcd: Program, coredns: Program, wanted: Wanted) -> bool:
    """Make the archives unless they are there; returns whether it had to."""

    def make(new: Path) -> None:
        for name in _SERVERS:
            _one_binary(kubernetes.path(name), f"usr/local/bin/{name}", wanted.refs[name], new / f"{name}.tar")
        ref = wanted.with_tag("etcd", own_tag(wanted, "etcd", etcd))
        _one_binary(etcd.path("etcd"), "usr/local/bin/etcd", ref, new / "etcd.tar")
        ref = wanted.with_tag("coredns", own_tag(wanted, "coredns", coredns))
        config = ImageConfig(entrypoint=["/coredns"])
        _one_binary(coredns.path("coredns"), "coredns", ref, new / "coredns.tar", config)
        pause = new / "pause"
        _compile_pause(pause, new)
        config = ImageConfig(entrypoint=["/pause"])
        _one_binary(pause, "pause", wanted.refs["pause"], new / "pause.tar", config)
        pause.unlink()
        _proxy(kubernetes.path("kube-proxy"), wanted.refs["kube-proxy"], new / "kube-proxy.tar")

    return stages.ensure(folder(kubernetes.version), inputs(kubernetes, etcd, coredns, wanted), make)


def archives(version: str) -> list[Path]:
    """Return the archives of a version."""
    return sorted(folder(version).glob("*.tar"))


def _one_binary(binary: Path, where: str, ref: str, target: Path, config: ImageConfig = _PLAIN) -> None:
    work = target.parent / "work"
    stages.discard(work)
    place = work / where
    place.parent.mkdir(parents=True)
    shutil.copyfile(binary, place)
    place.chmod(0o755)
    (work / "tmp").mkdir(exist_ok=True)
    (work / "tmp").chmod(0o1777)
    write_archive(work, [ref], config, target)
    stages.discard(work)


def compiler() -> str:
    """Return the C compiler of the machine.

    Raises:
        ClusterUnusableError: when there is none.
    """
    found = shutil.which("cc") or shutil.which("gcc")
    if not found:
        raise ClusterUnusableError("the pause image needs a C compiler", hint="apt-get install gcc libc6-dev")
    return found


def _compile_pause(target: Path, work: Path) -> None:
    source = work / "pause.c"
    source.write_text(_PAUSE_C)
    run([compiler(), "-static", "-Os", "-s", "-o", str(target), str(source)])
    source.unlink()


def _proxy(binary: Path, ref: str, target: Path) -> None:
    work, base = target.parent / "work", target.parent / "base"
    work.mkdir()
    base.mkdir()
    run(["tar", "-C", str(base), "-xf", str(rootfs.folder() / "rootfs.tar"), *_PROXY_PARTS])
    merge_usr(work)
    copy_packages(base, work, _PROXY_PACKAGES)
    # Debian's alternatives are no files of a package. The nft back end, as on the node: mixed, rules are hidden.
    for tool in ("", "-save", "-restore"):
        for family in ("iptables", "ip6tables"):
            link = work / "usr/sbin" / f"{family}{tool}"
            link.unlink(missing_ok=True)
            link.symlink_to("xtables-nft-multi")
    place = work / "usr/local/bin/kube-proxy"
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(binary, place)
    place.chmod(0o755)
    for name in ("etc", "run", "tmp", "var"):
        (work / name).mkdir(exist_ok=True)
    write_archive(work, [ref], ImageConfig(), target)
    stages.discard(base)
    stages.discard(work)


def copy_packages(base: Path, into: Path, packages: tuple[str, ...]) -> None:
    """Copy the files of installed packages from one root file system to another.

    Args:
        base: a root file system with dpkg's lists.
        into: where they go.
        packages: their names.
    """
    info = base / "var/lib/dpkg/info"
    for package in packages:
        lists = [*info.glob(f"{package}.list"), *info.glob(f"{package}:*.list")]
        if not lists:
            raise ClusterUnusableError(f"the node's root file system lacks the package {package}")
        for line in lists[0].read_text().splitlines():
            source, target = base / line.lstrip("/"), into / line.lstrip("/")
            if line.startswith("/usr/share/") or not (source.is_symlink() or source.is_file()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_symlink():
                shutil.copy2(source, target, follow_symlinks=False)
