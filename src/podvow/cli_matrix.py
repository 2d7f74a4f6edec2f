"""`podvow run` with `--cluster`: which options go on to each run; only options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import typer

from podvow import cli_target
from podvow.errors import ExitCode, UsageError
from podvow.paths import REPORTS

_OTHERWISE = ("provider", "name", "kubeconfig", "context", "resume", "collect_only")


def run(context: typer.Context, clusters: Sequence[str]) -> ExitCode:
    """Judge several clusters at once, with the other options of the command for each.

    Args:
        context: of `podvow run`.
        clusters: as typed.

    Raises:
        UsageError: an option names a cluster in another way, or a name is none.
    """
    from podvow.matrix import command  # noqa: PLC0415 - other commands do without it
    from podvow.matrix.target import targets  # noqa: PLC0415
    from podvow.selection import check_names  # noqa: PLC0415
    from podvow.session import Selection  # noqa: PLC0415

    given = dict(_given(context))
    if wrong := sorted(given.keys() & {*_OTHERWISE}):
        names = ", ".join("--" + name.replace("_", "-") for name in wrong)
        raise UsageError(f"--cluster excludes {names}", hint="--cluster NAME or --cluster FILE:CONTEXT for each")
    chosen = context.params
    check_names(Selection(tuple(chosen["claim"] or ()), tuple(chosen["area"] or ())), chosen["profile"])
    options = [word for name, words in given.items() if name != "cluster" for word in words]
    return command.run(targets(clusters), options, REPORTS / "matrix")


def _given(context: typer.Context) -> Iterator[tuple[str, list[str]]]:
    """Yield the options that were typed, each value as one word with its option."""
    typed = cli_target.typed(context)
    for parameter in context.command.params:
        if (name := str(parameter.name)) in typed:
            yield name, list(_words(parameter.opts[0], typed[name]))


def _words(option: str, value: Any) -> Iterator[str]:
    if value is True:
        yield option
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _words(option, each)
    elif value is not False:
        yield f"{option}={value}" if option.startswith("--") else f"{option}{value}"
