"""The `podvow` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

import podvow
from podvow import (
    cli_approve,
    cli_check,
    cli_claims,
    cli_cluster,
    cli_compare,
    cli_matrix,
    cli_mutants,
    cli_recover,
    cli_target,
    cli_trend,
    cli_upgrade,
    interrupts,
)
from podvow.cluster import process
from podvow.errors import ExitCode, PodvowError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _say_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if asked:
        typer.echo(f"podvow {podvow.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: FBT002
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which podvow this is.")
    ] = False,
) -> None:
    """Judges whether a real Kubernetes cluster keeps the documentation's promises about Pods."""


cli_cluster.register(app)
cli_claims.register(app)
cli_recover.register(app)
cli_check.register(app)
cli_approve.register(app)
cli_mutants.register(app)
cli_compare.register(app)
cli_upgrade.register(app)
cli_trend.register(app)


@app.command()
def run(  # noqa: PLR0917 - typer passes options by name
    context_of: typer.Context,
    provider: Annotated[str, typer.Option(help="kind (podvow's own cluster) or existing.")] = "",
    name: Annotated[str, typer.Option(help="Name of the kind cluster [default: the profile's].")] = "",
    kubeconfig: Annotated[str, typer.Option(help="File of an existing cluster; never guessed.")] = "",
    context: Annotated[str, typer.Option(help="Context of an existing cluster; never guessed.")] = "",
    claim: Annotated[list[str] | None, typer.Option(help="Judge only this claim (repeatable).")] = None,
    area: Annotated[list[str] | None, typer.Option(help="Judge only claims of this area (repeatable).")] = None,
    keyword: Annotated[str, typer.Option("-k", help="pytest's -k expression on scenario names.")] = "",
    processes: Annotated[
        int, typer.Option("-n", min=0, help="xdist workers; not needed, waiting overlaps anyway.")
    ] = 0,
    profile: Annotated[str, typer.Option(help="fast, default or nightly (docs/speed.md).")] = "default",
    per_node: Annotated[int, typer.Option(min=1, help="Pods that a node takes at a time.")] = 40,
    namespaced: Annotated[bool, typer.Option(help="Stay inside namespaces of its own: nothing on nodes.")] = False,  # noqa: FBT002
    up: Annotated[bool, typer.Option(help="Make podvow's kind cluster when it is not there.")] = False,  # noqa: FBT002
    cluster: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FILE:CONTEXT", help="Judge this cluster beside others (repeatable)."),
    ] = None,
    resume: Annotated[str, typer.Option(metavar="ID", help="Go on with a run that was interrupted.")] = "",
    collect_only: Annotated[bool, typer.Option(help="List the scenarios, run nothing.")] = False,  # noqa: FBT002
) -> None:
    """Judge a cluster: run the scenarios, judge their timelines, write the report."""
    from podvow import run as command  # noqa: PLC0415 - pytest is not imported for the other commands
    from podvow.selection import collect  # noqa: PLC0415
    from podvow.session import Selection, new_session  # noqa: PLC0415

    if cluster:
        raise typer.Exit(int(cli_matrix.run(context_of, cluster)))
    if resume:
        raise typer.Exit(int(command.run_on(resume, _given(context_of))))
    target = cli_target.chosen(provider, name, kubeconfig, context, profile)
    selection = Selection(tuple(claim or ()), tuple(area or ()), keyword, processes)
    collected = collect(selection, profile)
    if collect_only:
        typer.echo("\n".join((*collected.tests, f"{len(collected.tests)} tests")))
        return
    session = new_session(
        **target, profile=profile, per_node=per_node, selection=selection, up=up, namespaced=namespaced
    )
    raise typer.Exit(int(command.run(session, collected)))


def _given(context: typer.Context) -> dict[str, Any]:
    """Return the options that were typed beside `--resume`."""
    typed = {name: value for name, value in cli_target.typed(context).items() if name != "resume"}
    if "kubeconfig" in typed:
        typed["kubeconfig"] = cli_target.absolute(typed["kubeconfig"])
    return typed


@app.command()
def replay(
    files: Annotated[list[Path], typer.Argument(help="Evidence files (…/evidence/*.jsonl) or folders of them.")],
) -> None:
    """Judge stored evidence again; needs no cluster."""
    from podvow import replay as command  # noqa: PLC0415

    raise typer.Exit(int(command.replay(files)))


@app.command()
def report(
    run: Annotated[Path | None, typer.Option(help="Folder of the run [default: reports/latest].")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the page [default: reports/allure-report].")] = None,
) -> None:
    """Render the allure report of a run (needs Node)."""
    from podvow.paths import REPORTS  # noqa: PLC0415
    from podvow.report.render_allure import render  # noqa: PLC0415

    typer.echo(render((run or REPORTS / "latest").resolve(), out or REPORTS / "allure-report"))


def main() -> None:
    """Run the command: errors as one message without a traceback, Ctrl-C and its like without orphans."""
    interrupts.install()
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        if message := error.format_message():  # none where help was shown instead of doing nothing
            typer.echo(f"error: {message}\n  → podvow --help", err=True)
        code = int(ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        process.kill_children()
        sys.stderr.write("interrupted\n")
        code = 130
    except PodvowError as error:
        sys.stderr.write(f"error: {error}\n")
        code = int(error.exit_code)
    sys.exit(code)


if __name__ == "__main__":
    main()
