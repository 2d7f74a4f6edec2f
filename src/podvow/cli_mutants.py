"""The commands about programs of Kubernetes with known bugs; only options and printing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from podvow.cluster.nodeimage.programs import DEFAULT_VERSION
from podvow.cluster.progress import Progress
from podvow.errors import ExitCode
from podvow.paths import SUITES

Folder = Annotated[Path | None, typer.Option(help="Folder of definitions [default: fixtures/mutants].")]
_mutants = typer.Typer(help="Kubernetes with known bugs: proof that the suites can fail.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to an application."""
    app.add_typer(_mutants, name="mutants")


@_mutants.command("list")
def list_(
    definitions: Folder = None,
    *,
    untried: Annotated[
        bool, typer.Option("--untried", help="Claims that none of them is to be noticed by.")
    ] = False,
) -> None:
    """List the definitions of a folder."""
    from podvow.claims import load_register  # noqa: PLC0415
    from podvow.mutants import definition  # noqa: PLC0415

    loaded = definition.load(definitions or definition.DEFINITIONS)
    if untried:
        for claim in definition.untried(loaded, load_register(SUITES / "claims.yaml")):
            typer.echo(f"{claim.id:<60} {claim.statement}")
        return
    for each in loaded:
        kind = "control" if each.control else "mutant"
        versions = each.versions or "all versions"
        typer.echo(f"{each.id:<36} {kind:<8} {each.target:<24} {versions:<12} {each.title}")


@_mutants.command("build")
def build(
    definitions: Folder = None,
    version: Annotated[str, typer.Option(help="Kubernetes version.")] = DEFAULT_VERSION,
    only: Annotated[list[str] | None, typer.Option(help="Only this mutant (repeatable).")] = None,
) -> None:
    """Make one program of each kind with all its mutants in it; what is cached is not built again."""
    from podvow.mutants import build as command  # noqa: PLC0415
    from podvow.mutants import definition  # noqa: PLC0415

    loaded = definition.load(definitions or definition.DEFINITIONS)
    built = command.build(definition.chosen(loaded, only or ()), version, Progress())
    for program in built.programs:
        typer.echo(f"{program.path}  {len(program.mutants)} mutants: {', '.join(program.mutants)}")
    if built.elsewhere:
        typer.echo(f"not for {version}: {', '.join(built.elsewhere)}")
    for mutant, said in built.broken.items():
        typer.echo(f"does not compile: {mutant}: {said}", err=True)
    raise typer.Exit(int(ExitCode.USAGE if built.broken else ExitCode.OK))


@_mutants.command("run")
def run(  # noqa: PLR0917 - typer passes options by name
    definitions: Folder = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this mutant or control (repeatable).")] = None,
    profile: Annotated[str, typer.Option(help="fast, default or nightly (docs/speed.md).")] = "default",
    name: Annotated[
        list[str] | None,
        typer.Option(help="Name of the kind cluster [default: the profile's]; several share the mutants."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All suites on each, no early stop.")] = False,  # noqa: FBT002
    related: Annotated[bool, typer.Option("--related", help="Only claims that must notice it.")] = False,  # noqa: FBT002
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the results to this file too.")] = None,
) -> None:
    """Swap programs of a cluster, mutant by mutant, and tell which bugs were noticed, by what."""
    from podvow import cli_target, runlock  # noqa: PLC0415 - pytest is not imported for the other commands
    from podvow.mutants import campaign, command, definition, host, lanes, matrix  # noqa: PLC0415
    from podvow.session import new_session  # noqa: PLC0415

    folder = definitions or definition.DEFINITIONS
    loaded = definition.load(folder)
    mutants = definition.chosen(loaded, only or ())
    wish = campaign.Wish(mutants, loaded, loaded, everything=everything, related_only=related)
    clusters = [cli_target.chosen("kind", each, "", "", profile) for each in name or [""]]
    session = new_session(**clusters[0], profile=profile)
    progress = Progress()

    def keep(told: matrix.Told) -> matrix.Told:
        matrix.save(told, session.folder, *([as_json] if as_json else []))
        return told

    def keep_one(outcome: command.Outcome) -> matrix.Told:
        return keep(matrix.told(outcome, run=session.run_id, started=session.started))

    with runlock.held(session.folder), host.alone(each["name"] for each in clusters):
        session.save()
        targets = frozenset(each.target for each in mutants)
        places = host.places([replace(session, name=each["name"]) for each in clusters], targets)
        if len(places) > 1:
            told = keep(lanes.run(session, wish, places, folder, say=progress.say, keep=keep))
        else:
            told = keep_one(command.run(session, wish, progress.say, keep_one))
    for line in matrix.lines(told):
        typer.echo(line)
    typer.echo(f"results {session.folder / matrix.FILE}")
    raise typer.Exit(int(ExitCode.LEAK if told.leaks else told.score.exit_code))


@_mutants.command("matrix")
def matrix_(
    files: Annotated[
        list[Path], typer.Argument(help="Results of a run (mutants.json), or of several that shared the mutants.")
    ],
    into: Annotated[Path | None, typer.Option(help="Write it into this page, below its mark.")] = None,
    definitions: Folder = None,
) -> None:
    """Print the matrix of a run, or of several, as Markdown."""
    from podvow.claims import load_register  # noqa: PLC0415
    from podvow.mutants import definition, matrix, merge  # noqa: PLC0415
    from podvow.whole import write_whole  # noqa: PLC0415

    runs = [matrix.read(file) for file in files]
    told = runs[0]
    if len(runs) > 1:
        mutants = definition.load(definitions or definition.DEFINITIONS)
        told = merge.joined(runs, mutants, register=load_register(SUITES / "claims.yaml"))
    text = matrix.markdown(told)
    if into is None:
        sys.stdout.write(text)
    else:
        write_whole(into, matrix.put_into(into, text))


@_mutants.command("compare")
def compare_(
    files: Annotated[list[Path], typer.Argument(help="Results of several runs (mutants.json).")],
) -> None:
    """Tell where runs of the same mutants differ. Exits 1 where they do, or where the score of one is void."""
    from podvow.errors import UsageError  # noqa: PLC0415
    from podvow.mutants import compare, matrix  # noqa: PLC0415

    if len(files) < 2:  # noqa: PLR2004
        raise UsageError("one run cannot be compared", hint="podvow mutants compare FILE FILE")
    runs = [matrix.read(file) for file in files]
    found = list(compare.differences(runs))
    for told in runs:
        typer.echo(f"{told.run}: {told.score.killed} of {told.score.counted} killed, {told.wall_s:.0f} s")
    for line in found:
        typer.echo(f"✗ {line}")
    if not found:
        typer.echo(f"the same {len(runs)} times: {len(runs[0].mutants)} mutants and controls")
    raise typer.Exit(int(ExitCode.VIOLATED if found else ExitCode.OK))
