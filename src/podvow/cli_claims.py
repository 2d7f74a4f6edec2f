"""The command that shows the claims register; only options and printing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from podvow import register_doc
from podvow.claims import load_register
from podvow.cluster.nodeimage.programs import DEFAULT_VERSION
from podvow.errors import UsageError
from podvow.paths import SUITES
from podvow.release import release_of

_PIPE_WIDTH = 200


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("claims")(claims)


def claims(  # noqa: PLR0917 - typer passes options by name
    claim: Annotated[list[str] | None, typer.Option(help="Only this claim (repeatable).")] = None,
    area: Annotated[list[str] | None, typer.Option(help="Only claims of this area (repeatable).")] = None,
    version: Annotated[str, typer.Option(help="Kubelet version that verdicts are expected of.")] = DEFAULT_VERSION,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for machines.")] = False,  # noqa: FBT002
    markdown: Annotated[bool, typer.Option(help="The page docs/claims.md.")] = False,  # noqa: FBT002
    check: Annotated[Path | None, typer.Option(help="Fail unless this page is up to date.")] = None,
) -> None:
    """Show the claims register: what is judged, where it is said, and what is expected."""
    if sum((as_json, markdown, check is not None)) > 1:
        raise UsageError("--json, --markdown and --check exclude each other", hint="give one of them")
    if check is not None and (claim or area):
        raise UsageError("--check is about the whole register", hint="leave --claim and --area out")
    release = release_of(version)
    if release is None:
        raise UsageError(f"{version!r} is no version", hint=f"for example --version {DEFAULT_VERSION}")
    whole = load_register(SUITES / "claims.yaml")
    if check is not None:
        register_doc.check(whole, check)
        return
    chosen = register_doc.select(whole, areas=area or (), claims=claim or ())
    if as_json:
        sys.stdout.write(register_doc.to_json(chosen, f"v{release}"))
    elif markdown:
        sys.stdout.write(register_doc.to_markdown(chosen))
    else:
        # A pipe has no width of its own; rich would take 80 columns and fold every id.
        console = Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)
        console.print(register_doc.table(chosen, f"v{release}"))
