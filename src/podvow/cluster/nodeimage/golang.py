"""Runs the Go tool: which versions are served, building programs of a module into a stage folder.

Go's own caches (modules, build) are the user's, shared with everything else. Must not know what is built for what.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from podvow.cluster import stages
from podvow.cluster.process import CommandError, run
from podvow.errors import ClusterUnusableError
from podvow.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# GOGC=400: else the compiler spends a third of its time in its garbage collection; memory is not what is short.
ENV = {"CGO_ENABLED": "0", "GOGC": "400", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}


@dataclass(frozen=True, slots=True)
class Program:
    """Programs that are built from one module of ours.

    Attributes:
        name: of the module and of the stage.
        version: of what is built.
        files: file name → text, among them go.mod.
        packages: what is built, in one `go build`.
        programs: names of the binaries that come out.
        ldflags: for the linker.
        tags: build tags.
        tidy: whether go.mod and go.sum have to be completed first.
    """

    name: str
    version: str
    files: Mapping[str, str]
    packages: Sequence[str]
    programs: Sequence[str]
    ldflags: str = "-s -w"
    tags: str = ""
    tidy: bool = True
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its binaries lie when they are built."""
        return cache_dir("bin") / f"{self.name}-{self.version}"

    @property
    def inputs(self) -> dict[str, object]:
        """What the binaries depend on."""
        return {
            "files": dict(self.files),
            "packages": list(self.packages),
            "ldflags": self.ldflags,
            "tags": self.tags,
        }

    def path(self, program: str) -> Path:
        """Return the path of one of its binaries."""
        return self.folder / program

    def is_built(self) -> bool:
        """Whether all its binaries are there (sizes are compared, not checksums)."""
        return stages.is_complete(self.folder, self.inputs, thorough=False)


def require_go() -> None:
    """Check that there is a Go tool.

    Raises:
        ClusterUnusableError: when there is none.
    """
    if not shutil.which("go"):
        raise ClusterUnusableError(
            "this needs Go 1.26 or newer, and there is no `go` on PATH",
            hint="install Go; or have kind and a container registry within reach: nothing is compiled then",
        )


def fetch(program: Program) -> None:
    """Download the modules of a program, so that its compiler need not wait for the network later."""
    require_go()
    if not program.is_built():
        _source(program)


def build(program: Program) -> bool:
    """Build the binaries of a program unless the cache has them; returns whether it had to."""
    require_go()

    def make(folder: Path) -> None:
        source = _source(program)
        tags = ["-tags", program.tags] if program.tags else []
        # A folder as -o: one call for all programs, which share most of their packages.
        _go(
            ["build", "-trimpath", *tags, "-ldflags", program.ldflags, "-o", f"{folder}/", *program.packages],
            source,
        )
        missing = [name for name in program.programs if not (folder / name).is_file()]
        if missing:
            raise ClusterUnusableError(f"go build of {program.name} did not make {', '.join(missing)}")

    return stages.ensure(program.folder, program.inputs, make)


def download(module: str, version: str) -> dict[str, Any]:
    """Download a module and return what `go mod download -json` says about it (Dir, GoMod, Info, …)."""
    require_go()
    ran = run(["go", "mod", "download", "-json", f"{module}@{version}"], env=ENV, cwd=Path("/"), check=False)
    try:
        facts: dict[str, Any] = json.loads(ran.stdout)
    except ValueError:
        facts = {"Error": ran.stderr.decode(errors="replace")}
    if facts.get("Error"):
        raise ClusterUnusableError(
            f"the Go module proxy does not serve {module} {version}",
            hint=f"{str(facts['Error']).strip()[:300]}\n    `go list -m -versions {module}` lists what it has",
        )
    return facts


def served(module: str) -> list[str]:
    """Return the versions of a module that the proxy lists."""
    require_go()
    ran = run(["go", "list", "-m", "-versions", "-json", module], env={**ENV, "GOFLAGS": "-mod=mod"}, cwd=Path("/"))
    return list(json.loads(ran.stdout).get("Versions") or [])


def caches() -> list[Path]:
    """Return the folders where Go keeps modules and compiled packages."""
    require_go()
    return [Path(line) for line in run(["go", "env", "GOMODCACHE", "GOCACHE"]).text.splitlines() if line]


def _source(program: Program) -> Path:
    """Write a program's module, complete it, and return its folder."""
    source = cache_dir("src", f"{program.name}-{program.version}")
    with FileLock(source.with_name(f".{source.name}.lock")):
        for name, text in program.files.items():
            (source / name).write_text(text)
        if program.tidy:
            (source / "go.sum").unlink(missing_ok=True)
            _go(["mod", "tidy"], source)
    return source


def _go(arguments: Sequence[str], source: Path) -> None:
    log = source / "build.log"
    try:
        run(["go", *arguments], env=ENV, cwd=source, log=log)
    except CommandError as error:
        raise ClusterUnusableError(
            f"`go {arguments[0]}` failed in {source}", hint=f"{error.output[-800:]}\n    whole output: {log}"
        ) from error
