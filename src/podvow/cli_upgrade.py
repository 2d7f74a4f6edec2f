"""The commands about upgrades; only options and printing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podvow import cli_target
from podvow.cluster.progress import Progress
from podvow.errors import ExitCode, UsageError
from podvow.upgrade.report import HALF_WAY, WHOLE, Report

if TYPE_CHECKING:
    from podvow.session import Session
    from podvow.upgrade.baseline import Folder

Out = Annotated[Path, typer.Option("--out", help="Folder that keeps what is needed until after the upgrade.")]
Baseline = Annotated[Path, typer.Option("--baseline", help="Folder that `before` wrote.")]
Name = Annotated[str, typer.Option(help="Name of the kind cluster.")]
Kubeconfig = Annotated[str, typer.Option(help="File of an existing cluster; never guessed.")]
Context = Annotated[str, typer.Option(help="Context of an existing cluster; never guessed.")]
Claims = Annotated[bool, typer.Option(help="Judge the claims too, not only the survivors.")]
PerNode = Annotated[bool, typer.Option(help="Judge the claims once on each node with survivors.")]
Claim = Annotated[list[str] | None, typer.Option(help="Judge only this claim (repeatable).")]
Area = Annotated[list[str] | None, typer.Option(help="Judge only claims of this area (repeatable).")]
_upgrade = typer.Typer(help="What an upgrade, by whatever tool, did to a cluster.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to an application."""
    app.add_typer(_upgrade, name="upgrade")


@_upgrade.command("before")
def before(  # noqa: PLR0917 - typer passes options by name
    out: Out,
    name: Name = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
    claim: Claim = None,
    area: Area = None,
    keyword: Annotated[str, typer.Option("-k", help="pytest's -k expression on scenario names.")] = "",
    profile: Annotated[str, typer.Option(help="fast, default or nightly (docs/speed.md).")] = "default",
    node: Annotated[list[str] | None, typer.Option(help="Plant Pods on this node (repeatable).")] = None,
    claims: Claims = True,  # noqa: FBT002
    per_node: PerNode = False,  # noqa: FBT002
) -> None:
    """Judge the claims, plant the survivors, store what they are: before an upgrade."""
    from podvow.selection import check_names  # noqa: PLC0415 - pytest is not imported for the other commands
    from podvow.session import Selection, Session  # noqa: PLC0415
    from podvow.upgrade import commands  # noqa: PLC0415
    from podvow.upgrade.baseline import Folder  # noqa: PLC0415

    target = cli_target.chosen("", name, kubeconfig, context, profile)
    selection = Selection(tuple(claim or ()), tuple(area or ()), keyword)
    check_names(selection, profile)
    session = Session("before", out.resolve(), **target, profile=profile, selection=selection)
    commands.before(
        Folder(out.resolve()), session, nodes=node or (), claims=claims, per_node=per_node, say=Progress().say
    )
    typer.echo(f"baseline {out}; now upgrade, then: podvow upgrade after --baseline {out}")


@_upgrade.command("during")
def during(
    baseline: Baseline,
    name: Name = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
    claims: Claims = True,  # noqa: FBT002
) -> None:
    """Judge survivors and claims while nodes have different versions, each node by its own kubelet's promises."""
    from podvow.upgrade import commands  # noqa: PLC0415 - as above

    folder, session = _begun(baseline, name, kubeconfig, context)
    report = commands.during(folder, session, claims=claims, say=Progress().say)
    _tell(report, baseline, HALF_WAY)


@_upgrade.command("after")
def after(  # noqa: PLR0917 - as above
    baseline: Baseline,
    name: Name = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
    claims: Claims = True,  # noqa: FBT002
    partial: Annotated[bool, typer.Option("--partial", help="Nodes of the old version are still to come.")] = False,  # noqa: FBT002
    per_node: PerNode = False,  # noqa: FBT002
) -> None:
    """Judge the survivors, then the claims once more, and compare them with those before."""
    from podvow.upgrade import commands  # noqa: PLC0415 - as above

    folder, session = _begun(baseline, name, kubeconfig, context)
    report = commands.after(folder, session, claims=claims, partial=partial, per_node=per_node, say=Progress().say)
    _tell(report, baseline)


@_upgrade.command("remove")
def remove(
    baseline: Annotated[Path | None, typer.Option(help="Only the survivors of this upgrade.")] = None,
    name: Name = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Remove survivors: those of one upgrade, or all that a cluster has; needs no folder."""
    from podvow.session import Session  # noqa: PLC0415 - as above
    from podvow.upgrade import commands  # noqa: PLC0415

    if baseline is None:
        target = cli_target.chosen("", name, kubeconfig, context, "default")
        session, wanted = Session("remove", Path.cwd(), **target), []
    else:
        _, session = _begun(baseline, name, kubeconfig, context)
        wanted = [session.run_id]
    left = commands.remove(session, wanted, Progress().say)
    for text in left:
        typer.echo(f"LEAK: {text}")
    if not left:
        typer.echo("no survivors are left")
    raise typer.Exit(int(ExitCode.LEAK if left else ExitCode.OK))


@_upgrade.command("demo")
def demo(  # noqa: PLR0917 - as above
    origin: Annotated[str, typer.Option("--from", help="Kubernetes version before.")] = "v1.36.3",
    to: Annotated[str, typer.Option("--to", help="Kubernetes version after.")] = "v1.37.2",
    name: Name = "podvow-upgrade",
    out: Annotated[
        Path | None, typer.Option(help="Folder for what comes out [default: reports/upgrades/…].")
    ] = None,
    claim: Claim = None,
    area: Area = None,
    sabotage: Annotated[str, typer.Option(help="Spoil it: mutant, rerun or left-behind.")] = "none",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cluster there.")] = False,  # noqa: FBT002
) -> None:
    """Make a kind cluster, upgrade it with kubeadm, and judge it before, during and after."""
    from podvow.paths import REPORTS  # noqa: PLC0415 - as above
    from podvow.selection import check_names  # noqa: PLC0415
    from podvow.session import Selection  # noqa: PLC0415
    from podvow.upgrade import demo as command  # noqa: PLC0415
    from podvow.upgrade.baseline import Folder  # noqa: PLC0415
    from podvow.upgrade.sabotage import Sabotage  # noqa: PLC0415

    if sabotage not in set(Sabotage):
        raise UsageError(f"nothing is spoilt by {sabotage!r}", hint=f"one of {', '.join(Sabotage)}")
    chosen = tuple(claim or ()) or (() if area else command.CLAIMS)
    selection = Selection(chosen, tuple(area or ()))
    check_names(selection, "default")
    place = out or REPORTS / "upgrades" / f"{origin}-{to}-{datetime.now(UTC):%m%d%H%M%S}"
    progress = Progress()
    wish = command.Wish(origin, to, name, selection, Sabotage(sabotage), keep)
    report = command.play(wish, Folder(place.resolve()), progress)
    typer.echo(progress.summary())
    _tell(report, place)


def _begun(baseline: Path, name: str, kubeconfig: str, context: str) -> tuple[Folder, Session]:
    """Return the folder of an upgrade that was begun, and what names its cluster."""
    from podvow.upgrade import commands  # noqa: PLC0415 - as above
    from podvow.upgrade.baseline import Folder  # noqa: PLC0415

    folder = Folder(baseline.resolve())
    reached = {"name": name, "kubeconfig": cli_target.absolute(kubeconfig), "context": context}
    return folder, commands.session_of(folder.load(), folder.path, **reached)


def _tell(report: Report, folder: Path, name: str = WHOLE) -> None:
    for line in report.lines():
        typer.echo(line)
    typer.echo(f"report {folder / name}.md")
    raise typer.Exit(int(report.exit_code))
