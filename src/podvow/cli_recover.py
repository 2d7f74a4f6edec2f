"""The command that cleans up after runs that died; only options and printing."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from podvow.cluster import kind
from podvow.cluster.provider import DEFAULT_NAME
from podvow.errors import UsageError
from podvow.journal.reach import Target
from podvow.journal.recover import Wanted
from podvow.journal.recover import recover as command


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("recover")(recover)


def recover(  # noqa: PLR0917 - typer passes options by name
    run: Annotated[str, typer.Option(help="Only this run.")] = "",
    name: Annotated[str, typer.Option(help="Only podvow's kind cluster of this name.")] = "",
    kubeconfig: Annotated[str, typer.Option(help="Only this existing cluster: its file; never guessed.")] = "",
    context: Annotated[str, typer.Option(help="Its context; never guessed.")] = "",
    all_clusters: Annotated[bool, typer.Option("--all", help="Look into all kind clusters of podvow's.")] = False,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="The report, for machines.")] = False,  # noqa: FBT002
) -> None:
    """Take back what runs that died have left in clusters; harmless when there is nothing, or when repeated."""
    report = command(_wanted(run, name, kubeconfig, context, all_clusters=all_clusters), say=_progress)
    if as_json:
        sys.stdout.write(json.dumps(report.json(), indent=1) + "\n")
    else:
        for line in report.lines():
            typer.echo(line)
    raise typer.Exit(int(report.exit_code))


def _wanted(run: str, name: str, kubeconfig: str, context: str, *, all_clusters: bool) -> Wanted:
    if bool(kubeconfig) is not bool(context):
        raise UsageError(
            "an existing cluster needs --kubeconfig FILE and --context NAME",
            hint="podvow never uses the current context by silence",
        )
    if sum((bool(name), bool(kubeconfig), all_clusters)) > 1:
        raise UsageError("--name, --kubeconfig and --all exclude each other", hint="give one of them")
    if name:
        return Wanted(run, (Target("kind", name),), only_targets=True)
    if kubeconfig:
        return Wanted(run, (Target("existing", "", kubeconfig, context),), only_targets=True)
    known = kind.known()
    clusters = known if all_clusters else [each for each in known if each == DEFAULT_NAME]
    targets = tuple(Target("kind", each) for each in clusters)
    return Wanted(run, targets, optional=frozenset(targets))


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
