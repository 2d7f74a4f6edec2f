from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podvow.cluster.node import ExecResult
from podvow.cluster.process import CommandError, Ran

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence


@dataclass
class FakeAccess:
    """A node whose answers are given: the first entry whose words begin the command; files are kept."""

    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,  # noqa: ARG002
        check: bool = True,
    ) -> ExecResult:
        line = " ".join(argv)
        self.asked.append((node, line))
        if argv[0] == "cat" and (node, argv[1]) in self.files:
            return ExecResult(0, self.files[node, argv[1]], b"")
        if stdin is not None and argv[0] == "sh":
            self.files[node, argv[4]] = stdin
            return ExecResult(0, b"", b"")
        code, out = next((answer for words, answer in self.answers.items() if line.startswith(words)), (0, b""))
        if argv[0] == "cat" and line not in self.answers:
            code = 1
        if check and code:
            raise CommandError(argv, code, out)
        return ExecResult(code, out, b"")

    def popen(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        raise NotImplementedError


@dataclass
class FakeRun:
    """Stands for `process.run`: answers by the beginning of the command line; what is not known fails with 1."""

    answers: Mapping[str, str | Callable[[str], str]] = field(default_factory=dict)
    fails: Mapping[str, int | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], **options: object) -> Ran:
        line = " ".join(argv)
        self.asked.append(line)
        for words, code in self.fails.items():
            if line.startswith(words) and options.get("check", True):
                raise CommandError(argv, code, b"it says no")
        for words, answer in self.answers.items():
            if line.startswith(words):
                return Ran(0, (answer(line) if callable(answer) else answer).encode(), b"")
        if options.get("check", True):
            raise CommandError(argv, 1, b"not known to this fake")
        return Ran(1, b"", b"")

    def began(self, words: str) -> list[str]:
        return [line for line in self.asked if line.startswith(words)]
