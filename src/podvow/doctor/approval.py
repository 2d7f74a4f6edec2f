"""Whether a run would be let in: the cluster is podvow's own, or approved, or neither; and what about its nodes."""

from __future__ import annotations

from dataclasses import replace

from podvow.api import Api
from podvow.cluster.provider import Cluster
from podvow.doctor.check import Check
from podvow.errors import ClusterUnusableError, UsageError
from podvow.safety.approvals import Approvals
from podvow.safety.guard import admit, approve_command


def check_approval(cluster: Cluster, api: Api, approvals: Approvals | None = None) -> tuple[Check, Cluster, str]:
    """Ask what a run asks first, in its very words.

    Args:
        cluster: what would be run on.
        api: the connection.
        approvals: by default the user's.

    Returns:
        The answer; the cluster as far as it may be looked at, without a way onto its nodes unless they may be
        touched; and why they may not, empty when they may.
    """
    store = approvals or Approvals()
    try:
        guard = admit(cluster, api, store)
        if cluster.provider == "kind":
            text = f"{cluster.name} is podvow's own, as podvow made it: it may be used, its nodes too"
            return Check("approval", "ok", text), cluster, ""
        until = store.permit(guard.identity, command=approve_command(cluster)).expires
    except (ClusterUnusableError, UsageError) as error:
        why = "the cluster may not be used"
        return Check("approval", "error", error.message, error.hint), replace(cluster, access=None), why
    text = f"approved until {until:%Y-%m-%d %H:%M %Z}, node faults "
    if guard.no_nodes:
        text += f"not granted ({approve_command(cluster)} --node-faults grants them)"
    else:
        text += "granted"
    return Check("approval", "ok", text), guard.cluster, guard.no_nodes
