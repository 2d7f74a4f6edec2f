"""The podvow command, run in the test's own process; its signals are put back by the conftest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podvow import cli

Typed = Callable[..., tuple[int, str]]


def type_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run the command; return its exit code, and what it wrote to either stream."""
    monkeypatch.setattr("sys.argv", ["podvow", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert "INTERNALERROR" not in out + err
    code = caught.value.code or 0
    assert isinstance(code, int)
    return code, out + err
