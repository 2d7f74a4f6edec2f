"""`podvow mutants build`: makes programs that have all their mutants in them, each asleep until it is chosen.

Kubernetes is compiled from a copy of its module in the user's cache, for Go refuses to overlay files inside the
module cache; the copy itself stays as it was, the changed files are laid over it. Nothing of Kubernetes gets into
the repository.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from packaging.version import Version

from podvow.cluster import stages
from podvow.cluster.nodeimage import golang, gomod
from podvow.cluster.nodeimage.programs import kubernetes_ldflags
from podvow.cluster.process import CommandError, run
from podvow.cluster.progress import Progress
from podvow.errors import ClusterUnusableError
from podvow.mutants.definition import Definition, Target, of_target
from podvow.mutants.weave import Owned, Woven, groups, weave
from podvow.paths import cache_dir

_KEPT = 6
"""Programs of one kind that stay in the cache, 100 MB each; the oldest go."""
_SAID = re.compile(r"^(?:.*?/)?(?P<file>(?:pkg|cmd|staging)/[^:\s]+\.go|[^:\s]+\.txt):(?P<line>\d+)", re.MULTILINE)
_RECIPE = 1


@dataclass(frozen=True)
class Program:
    """A program of Kubernetes with mutants in it.

    Attributes:
        path: the file.
        version: of Kubernetes.
        mutants: the ids of those that are in it.
        digest: its SHA-256.
        target: which program it is.
    """

    path: Path
    version: str
    mutants: tuple[str, ...]
    digest: str
    target: Target = Target.KUBELET


@dataclass(frozen=True)
class Built:
    """What came of a build.

    Attributes:
        programs: one of each kind as a rule; more where mutants change the same text.
        broken: by mutant what the compiler says against it.
        elsewhere: ids of those that are not for this version.
    """

    programs: tuple[Program, ...]
    broken: dict[str, str]
    elsewhere: tuple[str, ...]


class _RefusedError(Exception):
    """The compiler does not take it."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


def build(definitions: Sequence[Definition], version: str, progress: Progress | None = None) -> Built:
    """Make the programs that hold all mutants of a version; what is cached is not built again.

    Args:
        definitions: the mutants, of any targets.
        version: of Kubernetes, such as v1.37.2.
        progress: is told what goes on.

    Raises:
        StaleAnchorError: an anchor does not fit this version.
        UsageError: it is no version of Kubernetes.
        ClusterUnusableError: nothing can be compiled here, or not even the unchanged program.
    """
    gomod.staging_version(version)
    progress = progress or Progress()
    meant = [d for d in definitions if d.applies_to(Version(version))]
    elsewhere = tuple(d.id for d in definitions if d not in meant)
    with FileLock(cache_dir("src") / f".mutants-{version}.lock"):
        workshop = _Workshop(version, progress)
        broken: dict[str, str] = {}
        made: list[Program] = []
        for target in Target:
            for group in groups(of_target(meant, target), workshop.read, version):
                made += workshop.program(target, group, broken)
    return Built(tuple(made), broken, elsewhere)


class _Workshop:
    """The folders in which programs of one version are made."""

    def __init__(self, version: str, progress: Progress) -> None:
        self._version = version
        self._progress = progress
        self._facts = golang.download(gomod.KUBERNETES, version)
        self._origin = Path(self._facts["Dir"])
        self._copy = cache_dir("src") / f"kubernetes-copy-{version}"
        self._folder = cache_dir("src", f"mutants-{version}")

    def read(self, file: str) -> str | None:
        """Return the text of a file of the module, None when there is none."""
        path = self._origin / file
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def program(self, target: Target, group: Sequence[Definition], broken: dict[str, str]) -> list[Program]:
        """Make the program of a group, without those that do not compile; they are added to `broken`."""
        left = list(group)
        while left:
            woven = weave(left, self.read, self._version)
            try:
                return [self._made(target, left, woven)]
            except _RefusedError as refused:
                guilty = accused(refused.output, woven.owned) or self._tried_alone(left)
                if not guilty:
                    raise ClusterUnusableError(
                        f"{target} of {self._version} does not compile, and no mutant is to blame",
                        hint=refused.output[-800:],
                    ) from refused
            broken.update(guilty)
            for mutant, said in guilty.items():
                self._progress.say(f"mutant {mutant} does not compile: {said}")
            left = [d for d in left if d.id not in guilty]
        return []

    def _made(self, target: Target, group: Sequence[Definition], woven: Woven) -> Program:
        inputs: dict[str, object] = {"recipe": _RECIPE, "version": self._version, "files": dict(woven.files)}
        folder = cache_dir("bin") / f"{target}-mutants-{self._version}-{stages.key_of(inputs)[:8]}"

        def make(new: Path) -> None:
            with self._progress.step(
                f"{target} {self._version}",
                f"compiling one {target} with {len(group)} mutants: a minute or two, more if Go's cache is cold",
            ):
                self._compile(woven, ["-o", str(new / target), _package(target)])

        try:
            stages.ensure(folder, inputs, make)
        finally:
            stages.discard(folder.with_name(f".{folder.name}.new"))
        folder.touch()
        _prune(folder)
        path = folder / target
        return Program(path, self._version, tuple(d.id for d in group), stages.digest(path), target)

    def _compile(self, woven: Woven, arguments: Sequence[str]) -> None:
        self._prepare()
        overlay = self._folder / "overlay.json"
        overlay.write_text(json.dumps({"Replace": dict(self._laid_over(woven))}, indent=1) + "\n")
        flags = ["-trimpath", "-overlay", str(overlay), "-ldflags", kubernetes_ldflags(self._facts, self._version)]
        try:
            run(["go", "build", *flags, *arguments], env=golang.ENV, cwd=self._folder)
        except CommandError as error:
            raise _RefusedError(error.output) from error

    def _laid_over(self, woven: Woven) -> Iterable[tuple[str, str]]:
        for file, text in woven.files.items():
            # By content, so that a file that stays the same keeps its name and Go's cache knows it.
            name = f"{file.replace('/', '!')}.{hashlib.sha256(text.encode()).hexdigest()[:8]}.txt"
            path = cache_dir("src", f"mutants-{self._version}", "woven") / name
            path.write_text(text, encoding="utf-8")
            yield str(self._copy / file), str(path)

    def _prepare(self) -> None:
        """Make the copy of Kubernetes and the module that builds from it; both stay."""
        _copied(self._origin, self._copy)
        upstream = Path(self._facts["GoMod"]).read_text(encoding="utf-8")
        module = gomod.kubernetes_module(upstream, self._version)
        module += f"replace {gomod.KUBERNETES} => {self._copy}\n"
        files = {"go.mod": module, "tools.go": gomod.imports_file([_package(target) for target in Target])}
        stamp = self._folder / "tidied.json"
        if stamp.is_file() and stamp.read_text() == json.dumps(files) and (self._folder / "go.sum").is_file():
            return
        for name, text in files.items():
            (self._folder / name).write_text(text)
        (self._folder / "go.sum").unlink(missing_ok=True)
        try:
            run(["go", "mod", "tidy"], env=golang.ENV, cwd=self._folder)
        except CommandError as error:
            raise ClusterUnusableError(f"`go mod tidy` failed in {self._folder}", hint=error.output) from error
        stamp.write_text(json.dumps(files))

    def _tried_alone(self, group: Sequence[Definition]) -> dict[str, str]:
        """Compile only the packages that each mutant changes, mutant by mutant."""
        guilty: dict[str, str] = {}
        for definition in group:
            packages = sorted({f"{gomod.KUBERNETES}/{Path(edit.file).parent}" for edit in definition.edits})
            try:
                self._compile(weave([definition], self.read, self._version), packages)
            except _RefusedError as refused:
                guilty[definition.id] = refused.output.strip().splitlines()[-1]
        return guilty


def accused(output: str, owned: Sequence[Owned]) -> dict[str, str]:
    """Return the mutants in whose lines the compiler found mistakes, each with the first of them.

    Args:
        output: what `go build` wrote; files are named by the copy's paths or by those of the woven files.
        owned: whose lines are where.
    """
    guilty: dict[str, str] = {}
    for found in _SAID.finditer(output):
        file = found["file"]
        if file.endswith(".txt"):
            file = Path(file).name.replace("!", "/").rsplit(".", 2)[0]
        line = int(found["line"])
        said = f"{file}:{line}{output[found.end() :].partition(chr(10))[0]}"
        for lines in owned:
            if lines.file == file and lines.first <= line <= lines.last:
                guilty.setdefault(lines.mutant, said)
    return guilty


def _package(target: Target) -> str:
    return f"{gomod.KUBERNETES}/cmd/{target}"


def _copied(origin: Path, copy: Path) -> None:
    """Copy the module once; it is there as a whole or not at all."""
    if copy.is_dir():
        return
    new = copy.with_name(f".{copy.name}.new")
    _discard(new)
    shutil.copytree(origin, new, symlinks=True)
    for path in (new, *new.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
    new.rename(copy)


def _discard(folder: Path) -> None:
    """Remove what may be read-only, as everything in Go's module cache is."""

    def retry(remove: Callable[[str], object], path: str, _: object) -> None:
        Path(path).parent.chmod(0o755)
        remove(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=retry)


def _prune(newest: Path) -> None:
    """Let the oldest programs of a kind go."""
    pattern = f"{newest.name.rpartition('-')[0]}-*"
    folders = sorted(newest.parent.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in folders[_KEPT:]:
        stages.discard(old)
