"""The commands that look before a run: rbac, plan and doctor; only options and printing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from podvow import cli_target
from podvow import cronjob as nightly
from podvow.errors import UsageError
from podvow.scenario.applicable import NAMESPACED

Kubeconfig = Annotated[str, typer.Option(help="File of an existing cluster; never guessed.")]
Context = Annotated[str, typer.Option(help="Context of an existing cluster; never guessed.")]
Provider = Annotated[str, typer.Option(help="kind (podvow's own cluster) or existing.")]
Name = Annotated[str, typer.Option(help="Name of the kind cluster [default: the profile's].")]
Claims = Annotated[list[str] | None, typer.Option("--claim", help="Only this claim (repeatable).")]
Areas = Annotated[list[str] | None, typer.Option("--area", help="Only claims of this area (repeatable).")]
Keyword = Annotated[str, typer.Option("-k", help="pytest's -k expression on scenario names.")]
Profile = Annotated[str, typer.Option(help="fast, default or nightly (docs/speed.md).")]
PerNode = Annotated[int, typer.Option(min=1, help="Pods that a node takes at a time.")]
Namespaced = Annotated[bool, typer.Option("--namespaced", help="As a run with --namespaced.")]
AsJson = Annotated[bool, typer.Option("--json", help="Everything, for machines.")]


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command("rbac")(rbac)
    app.command("plan")(plan)
    app.command("doctor")(doctor)


def _withheld(*, namespaced: bool) -> dict[str, str]:
    return dict(NAMESPACED) if namespaced else {}


def rbac(  # noqa: PLR0917 - typer passes options by name
    profile: Profile = "default",
    namespaced: Namespaced = False,  # noqa: FBT002
    claim: Claims = None,
    area: Areas = None,
    keyword: Keyword = "",
    name: Annotated[str, typer.Option(help="Name of service account, role and binding.")] = "podvow",
    namespace: Annotated[str, typer.Option(help="Where the service account lives.")] = "podvow",
    fence: Annotated[bool, typer.Option("--fence", help="A policy too that enforces --namespaced (1.30).")] = False,  # noqa: FBT002
    cronjob: Annotated[bool, typer.Option("--cronjob", help="A nightly CronJob with this role too.")] = False,  # noqa: FBT002
    image: Annotated[str, typer.Option(help="Image of the CronJob, with podvow in it.")] = nightly.IMAGE,
    schedule: Annotated[str, typer.Option(help="When the CronJob runs.")] = nightly.SCHEDULE,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of docs/permissions.md.")] = False,  # noqa: FBT002
    check: Annotated[Path | None, typer.Option(help="Fail unless this page is up to date.")] = None,
) -> None:
    """Print the smallest roles that a run needs; `kubectl apply -f -` takes them."""
    from podvow import permissions  # noqa: PLC0415 - pytest is not imported for the other commands
    from podvow import rbac as roles  # noqa: PLC0415
    from podvow.selection import collect  # noqa: PLC0415
    from podvow.session import Selection  # noqa: PLC0415

    if markdown and check is not None:
        raise UsageError("--markdown and --check exclude each other", hint="give one of them")
    if fence and not namespaced:
        raise UsageError("--fence is for a run that stays inside its namespaces", hint="add --namespaced")
    if cronjob and not namespaced:
        hint = "add --namespaced: from a Pod there is no way onto the nodes"
        raise UsageError("--cronjob is for a run that stays inside its namespaces", hint=hint)
    if check is not None:
        roles.check(check)
    elif markdown:
        sys.stdout.write(roles.to_markdown())
    else:
        collected = collect(Selection(tuple(claim or ()), tuple(area or ()), keyword), profile)
        features = permissions.used_by(collected.scenarios, _withheld(namespaced=namespaced))
        made = roles.manifests(permissions.needs_of(features), name=name, namespace=namespace, fenced=fence)
        if cronjob:
            options = ["--namespaced", *Selection(tuple(claim or ()), tuple(area or ()), keyword).words()]
            made += nightly.manifests(
                name=name, namespace=namespace, labels=roles.LABELS, options=options, image=image, schedule=schedule
            )
        sys.stdout.write(roles.to_yaml(made))


def plan(  # noqa: PLR0917 - typer passes options by name
    provider: Provider = "",
    name: Name = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
    claim: Claims = None,
    area: Areas = None,
    keyword: Keyword = "",
    profile: Profile = "default",
    per_node: PerNode = 40,
    namespaced: Namespaced = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Name every scenario.")] = False,  # noqa: FBT002
) -> None:
    """Say what a run would make, which node gets which fault and how long it takes; change nothing."""
    from podvow import plan as command  # noqa: PLC0415 - pytest is not imported for the other commands
    from podvow.selection import collect  # noqa: PLC0415
    from podvow.session import Selection, passing_session  # noqa: PLC0415

    target = cli_target.chosen(provider, name, kubeconfig, context, profile)
    collected = collect(Selection(tuple(claim or ()), tuple(area or ()), keyword), profile)
    withheld = _withheld(namespaced=namespaced)
    with passing_session(**target, profile=profile, per_node=per_node, withheld=withheld) as session:
        made = command.plan(session, collected)
    if as_json:
        sys.stdout.write(made.to_json())
    else:
        sys.stdout.writelines(f"{line}\n" for line in command.lines(made, verbose=verbose))


def doctor(  # noqa: PLR0917 - typer passes options by name
    provider: Provider = "",
    name: Name = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
    profile: Profile = "default",
    per_node: PerNode = 40,
    namespaced: Namespaced = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Say what stands in the way of a run, and what to do about it; change nothing."""
    from podvow import doctor as command  # noqa: PLC0415 - pytest is not imported for the other commands
    from podvow.selection import collect  # noqa: PLC0415
    from podvow.session import passing_session  # noqa: PLC0415

    target = cli_target.chosen(provider, name, kubeconfig, context, profile)
    collected = collect(profile=profile)
    withheld = _withheld(namespaced=namespaced)
    with passing_session(**target, profile=profile, per_node=per_node, withheld=withheld) as session:
        checks = command.examine(session, collected)
    if as_json:
        sys.stdout.write(command.to_json(checks))
    else:
        sys.stdout.writelines(f"{line}\n" for check in checks for line in command.lines(check))
    raise typer.Exit(int(command.exit_code(checks)))
