"""Debian packages as raw material: installed on the host when a tool is missing, or only unpacked into the cache.

The mirrors come from the machine's own apt sources; no address is written here. Packages of another suite are
fetched with a private apt configuration, so the system's sources and pins stay as they are. Must not start
services.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from podvow.cluster.process import CommandError, pipe, run
from podvow.errors import ClusterUnusableError
from podvow.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True, slots=True)
class Source:
    """One place that packages come from.

    Attributes:
        uri: the mirror.
        suites: its suites, such as bookworm.
        components: such as main.
    """

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def parse_deb822(text: str) -> list[Source]:
    """Read `deb` sources from the text of a .sources file."""
    sources = []
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace() and name:
                fields[name] += " " + line.strip()
                continue
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
            sources += [
                Source(uri, tuple(fields.get("suites", "").split()), tuple(fields.get("components", "").split()))
                for uri in fields.get("uris", "").split()
            ]
    return sources


def parse_list(text: str) -> list[Source]:
    """Read `deb` sources from the text of a one-line-style .list file."""
    sources = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words or words[0] != "deb":
            continue
        rest = words[1:]
        if rest and rest[0].startswith("["):
            while rest and not rest[0].endswith("]"):
                rest = rest[1:]
            rest = rest[1:]
        if len(rest) > 1:
            sources.append(Source(rest[0], (rest[1],), tuple(rest[2:])))
    return sources


def host_sources(etc: Path = Path("/etc/apt")) -> list[Source]:
    """Return the host's apt sources."""
    sources: list[Source] = []
    for path in sorted([etc / "sources.list", *etc.glob("sources.list.d/*")]):
        if path.suffix == ".sources" and path.is_file():
            sources += parse_deb822(path.read_text())
        elif path.suffix == ".list" and path.is_file():
            sources += parse_list(path.read_text())
    return sources


def host_codename(os_release: Path = Path("/etc/os-release")) -> str:
    """Return the host's release name, such as bookworm; empty when it is no Debian."""
    facts = dict(
        line.split("=", 1)
        for line in (os_release.read_text() if os_release.is_file() else "").splitlines()
        if "=" in line
    )
    return facts.get("VERSION_CODENAME", "").strip('"') if facts.get("ID", "").strip('"') == "debian" else ""


def main_source(sources: Iterable[Source], codename: str) -> Source:
    """Return the source of the release itself, in which other suites lie too.

    Raises:
        ClusterUnusableError: when the host has no Debian source.
    """
    for source in sources:
        if codename and codename in source.suites and "main" in source.components:
            return source
    raise ClusterUnusableError(
        "no Debian package source found on this machine",
        hint="start a Docker daemon that reaches a registry, or run on Debian 12 as root",
    )


def sources_text(mirror: Source, suites: Sequence[str]) -> str:
    """Return the private sources.list for some suites of a mirror."""
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.is_file() else ""
    return "".join(f"deb {signed}{mirror.uri} {suite} main\n" for suite in suites)


def ensure_tools(packages: dict[str, str]) -> None:
    """Install host packages whose program is not on PATH.

    Args:
        packages: program → package.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = sorted({package for program, package in packages.items() if not shutil.which(program, path=path)})
    if not missing:
        return
    if os.geteuid() != 0:
        raise ClusterUnusableError(
            f"these packages are missing: {' '.join(missing)}", hint="install them, or run as root"
        )
    with FileLock(cache_dir("apt") / "host.lock"):
        install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
        # A service manager that is started by a package's script would run its own engine: forbid it for this call.
        env = {**_QUIET, "RUNLEVEL": "1", "SYSTEMD_OFFLINE": "1"}
        try:
            run(install, env=env)
        except CommandError:
            run(["apt-get", "update"], env=_QUIET)
            run(install, env=env)


class PrivateApt:
    """apt with sources and lists of its own, which only downloads.

    Args:
        suites: suites of the host's mirror to use, for example trixie.
    """

    def __init__(self, suites: Sequence[str]) -> None:
        self._base = cache_dir("apt", "-".join(suites))
        mirror = main_source(host_sources(), host_codename())
        for part in ("lists/partial", "cache/archives/partial", "parts"):
            (self._base / part).mkdir(parents=True, exist_ok=True)
        (self._base / "sources.list").write_text(sources_text(mirror, suites))
        self._options = [
            "-o", f"Dir::Etc::SourceList={self._base / 'sources.list'}",
            "-o", f"Dir::Etc::SourceParts={self._base / 'parts'}",
            "-o", f"Dir::State::Lists={self._base / 'lists'}",
            "-o", f"Dir::Cache={self._base / 'cache'}",
            # The folder belongs to the user, not to _apt.
            "-o", "APT::Sandbox::User=root",
            "-o", "Acquire::Languages=none",
        ]  # fmt: skip

    def download(self, packages: Sequence[str], into: Path) -> list[Path]:
        """Download packages (without their dependencies) into a folder and return their files."""
        into.mkdir(parents=True, exist_ok=True)
        with FileLock(self._base / "lock"):
            get = ["apt-get", *self._options, "download", *packages]
            try:
                run(get, cwd=into, env=_QUIET)
            except CommandError:
                run(["apt-get", *self._options, "update"], env=_QUIET)
                run(get, cwd=into, env=_QUIET)
        return sorted(into.glob("*.deb"))

    def closure(self, packages: Sequence[str], *, without: Iterable[str] = ()) -> list[str]:
        """Return the packages with everything that they depend on, as `apt-cache depends` tells."""
        with FileLock(self._base / "lock"):
            if not any((self._base / "lists").glob("*Packages*")):
                run(["apt-get", *self._options, "update"], env=_QUIET)
            ran = run(
                ["apt-cache", *self._options, "depends", "--recurse", "--no-recommends", "--no-suggests",
                 "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", *packages],
                env=_QUIET,
            )  # fmt: skip
        names = {line.strip() for line in ran.text.splitlines() if line and line[0].isalnum()}
        return sorted(names - set(without))


def unpack(debs: Iterable[Path], into: Path) -> None:
    """Unpack packages into a folder without installing them; a merged /usr in the folder is kept merged."""
    into.mkdir(parents=True, exist_ok=True)
    for deb in debs:
        # Not `dpkg-deb -x`: that replaces a link /lib -> usr/lib by a folder.
        pipe(["dpkg-deb", "--fsys-tarfile", str(deb)], ["tar", "-x", "--keep-directory-symlink", "-C", str(into)])


def merge_usr(root: Path) -> None:
    """Give an empty root file system the links /bin, /sbin, /lib and /lib64 into /usr."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
