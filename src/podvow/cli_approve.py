"""The command that approves existing clusters, lists what is approved, and takes it back; options and printing."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podvow import cronjob
from podvow.authority import UNVERIFIED
from podvow.errors import ExitCode, UsageError
from podvow.safety.approvals import DEFAULT_DAYS, LONGEST_DAYS, Approval, Approvals

if TYPE_CHECKING:
    from podvow.cluster.provider import Cluster

_MAY = """podvow may, until then:
  - make namespaces of its own (podvow-RUN-…), with Pods, workloads, Services, quota and configuration in them
  - disturb and delete what it made there; it deletes nothing that does not carry its labels
  - read nodes, their kubelets' configuration and metrics, events, and Pods"""
_MAY_NODES = """  - go onto the nodes: run commands, stop kubelets and containerd, kill containers and sandboxes,
    cut the network, write static Pods, change what a Node says of itself, freeze, reboot, power off:
    EVERY Pod on such a node suffers"""
_MAY_NOT_NODES = "podvow may not go onto its nodes nor change them (that takes --node-faults)"


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command()(approve)


def approve(  # noqa: PLR0917 - typer passes options by name
    kubeconfig: Annotated[str, typer.Option(help="File of the cluster; never guessed.")] = "",
    context: Annotated[str, typer.Option(help="Context of the cluster; never guessed.")] = "",
    days: Annotated[int, typer.Option(min=1, max=LONGEST_DAYS, help="How long it holds.")] = DEFAULT_DAYS,
    node_faults: Annotated[bool, typer.Option("--node-faults", help="Allow node faults too.")] = False,  # noqa: FBT002
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; needed where there is no terminal.")] = False,  # noqa: FBT002
    in_cluster: Annotated[
        Path | None,
        typer.Option(
            "--in-cluster", metavar="FILE", help="For a Pod of that cluster; written to FILE, not stored."
        ),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Show what is approved.")] = False,  # noqa: FBT002
    revoke: Annotated[
        str, typer.Option(metavar="WHICH", help="Take an approval back: context, address or UID.")
    ] = "",
) -> None:
    """Approve a cluster that podvow did not make, so that `podvow run` may use it. Changes nothing on it."""
    if sum((listing, bool(revoke), bool(kubeconfig or context))) > 1:
        raise UsageError("--list, --revoke and --context exclude each other", hint="give one of them")
    if in_cluster is not None and (node_faults or listing or revoke):
        hint = "from a Pod there is no way onto the nodes" if node_faults else "give one of them"
        raise UsageError("--in-cluster excludes --node-faults, --list and --revoke", hint=hint)
    store = Approvals(in_cluster)
    if listing:
        _show(store)
    elif revoke:
        gone = store.revoke(revoke)
        typer.echo(f"revoked: {gone.context}, {gone.identity}")
    else:
        _approve(
            store,
            kubeconfig,
            context,
            timedelta(days=days),
            node_faults=node_faults,
            yes=yes,
            inside=bool(in_cluster),
        )


def _approve(
    store: Approvals,
    kubeconfig: str,
    context: str,
    lasting: timedelta,
    *,
    node_faults: bool,
    yes: bool,
    inside: bool,
) -> None:
    from podvow.cluster.existing import existing_cluster  # noqa: PLC0415 - the client is slow to import

    store.all()  # a broken file is said before anything is asked
    cluster = existing_cluster(kubeconfig or None, context or None)
    approval = _look(cluster, lasting, node_faults=node_faults, inside=inside)
    typer.echo(_in_words(approval, cluster))
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("there is no terminal to ask for a yes on", hint="read the above, then add --yes")
        if not typer.confirm("Approve this cluster?"):
            typer.echo("not approved")
            raise typer.Exit(int(ExitCode.USAGE))
    store.add(approval)
    if inside:
        typer.echo(f"approved for its Pods, in {store.path}; it is given to them as a ConfigMap (docs/nightly.md)")
        return
    typer.echo(f"approved (in {store.path}): podvow run --kubeconfig {cluster.kubeconfig} --context {context}")


def _look(cluster: Cluster, lasting: timedelta, *, node_faults: bool, inside: bool) -> Approval:
    """Ask the cluster who it is; reads only.

    Args:
        cluster: the cluster.
        lasting: how long the approval holds.
        node_faults: whether its nodes may be disturbed.
        inside: whether it is for a Pod, which reaches the same cluster under another address.
    """
    from podvow.api import Api, ApiError  # noqa: PLC0415
    from podvow.cluster import health  # noqa: PLC0415
    from podvow.safety.identity import Identity, identify, inside_place  # noqa: PLC0415

    with Api.connect(cluster.kubeconfig, cluster.context) as api:
        identity = identify(api, health.read_endpoint(cluster.kubeconfig, cluster.context))
        if inside:
            identity = Identity(identity.uid, inside_place(api))
        try:
            nodes = len(api.get("/api/v1/nodes").get("items") or ())
        except ApiError:  # for people only; the run's own checks name what is missing
            nodes = 0
        version = str(api.version.get("gitVersion", ""))
    now = datetime.now(UTC).replace(microsecond=0)
    return Approval(
        **identity.to_json(),
        context=cronjob.CONTEXT if inside else cluster.context,
        version=version,
        nodes=nodes,
        approved=now,
        expires=now + lasting,
        node_faults=node_faults,
    )


def _in_words(approval: Approval, cluster: Cluster) -> str:
    lines = [
        f"context    {approval.context} of {cluster.kubeconfig}",
        f"server     {approval.server}",
        f"authority  {approval.authority}",
        f"cluster    kube-system UID {approval.uid}",
        f"version    {approval.version or 'not told'}, {approval.nodes or 'unknown number of'} nodes",
        f"until      {approval.expires:%Y-%m-%d %H:%M %Z}",
        _MAY,
        _MAY_NODES if approval.node_faults else _MAY_NOT_NODES,
    ]
    if approval.authority == UNVERIFIED:
        lines.append("WARNING: the server's certificate is not verified, so that anybody can pose as this cluster")
    if approval.node_faults and cluster.access is None:
        lines.append(
            "note: podvow sees no way onto the nodes of this cluster, so that most node faults do not apply"
        )
    return "\n".join(lines)


def _show(store: Approvals) -> None:
    listed = sorted(store.all(), key=lambda each: each.expires)
    now = datetime.now(UTC)
    for each in listed:
        nodes = "with node faults" if each.node_faults else "no node faults"
        until = each.ended(now) or f"until {each.expires:%Y-%m-%d %H:%M %Z}"
        typer.echo(f"{each.context}  {each.server}  {each.uid}  {each.version}  {nodes}, {until}")
    if not listed:
        typer.echo(f"nothing is approved ({store.path})")
