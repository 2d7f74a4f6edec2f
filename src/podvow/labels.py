"""The marks that podvow leaves in a cluster: by them everything of its own is found again, and nothing else."""

from __future__ import annotations

import re

DOMAIN = "podvow.dev"
"""Prefix of all names of ours in a cluster's shared spaces: labels, finalizers, extended resources, taints."""
RUN_LABEL = "podvow.dev/run"
SCENARIO_LABEL = "podvow.dev/scenario"
MANAGED_LABEL = "podvow.dev/managed"
MANAGED = {"labelSelector": f"{MANAGED_LABEL}=true"}
"""Query of a list: only what podvow made."""
HOLD_FINALIZER = "podvow.dev/hold"
"""Keeps a deleted Pod readable until the scenario releases it."""
JOURNAL_KEY = "journal"
"""Takes the place of a scenario's key in the name and the label of a run's own namespace."""
NAMESPACE_PREFIX = "podvow-"
"""What the names of all its namespaces begin with."""
COHORT_LABEL = "podvow.dev/cohort"
"""On the survivors of an upgrade instead of the labels of a run: they outlive what planted them, so
`podvow recover` does not know them."""
SHAPE_LABEL = "podvow.dev/shape"
_PART = re.compile(r"-r\d+$")


def run_of(label: str) -> str:
    """Return the run that a run label belongs to: `ID`, or `ID-rN` for a later part of a run that was resumed."""
    return _PART.sub("", label)


def namespace_of(run: str, key: str) -> str:
    """Return the name of the namespace of a scenario of a run."""
    return f"{NAMESPACE_PREFIX}{run}-{key}"
