from __future__ import annotations

from collections.abc import Sequence

import pytest

from podvow.cluster.cpu import CpuMeter, used_s
from podvow.cluster.node import ExecResult
from podvow.cluster.process import CommandError


class Node:
    """A node whose files say something, or that does not answer."""

    def __init__(self, said: str | None) -> None:
        self.said = said

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,  # noqa: ARG002
        timeout_s: float = 30.0,  # noqa: ARG002
        check: bool = True,  # noqa: ARG002
    ) -> ExecResult:
        assert (node, argv[0]) == ("w", "cat")
        if self.said is None:
            raise CommandError(["cat"], None, b"")
        return ExecResult(1, self.said.encode(), b"no such file")

    def popen(self, node: str, argv: Sequence[str]) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2500000000\n", 2.5),
        ("usage_usec 1500000\nuser_usec 7\n", 1.5),
        ("", None),
        ("user 3\n", None),
        (None, None),
    ],
)
def test_both_kinds_of_cgroups_tell_what_a_node_has_used(said: str | None, seconds: float | None) -> None:
    assert used_s(Node(said), "w") == seconds  # type: ignore[arg-type]


def test_a_node_that_is_started_again_goes_on_being_counted() -> None:
    counters = {"a": iter([100.0, 103.0, None, 2.0, 2.5]), "b": iter([None, 7.0, 8.0, 8.0, 9.0])}
    meter = CpuMeter(counters, lambda node: next(counters[node]), every_s=3600.0)
    meter.start()
    for _ in range(3):
        meter.look()
    assert meter.stop() == pytest.approx(3.0 + 2.0 + 0.5 + 1.0 + 0.0 + 1.0)
