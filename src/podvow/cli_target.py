"""The cluster that a command is about, from its options; an existing one is always named in full."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import typer

from podvow.errors import UsageError
from podvow.profiles import profile_named


class Target(TypedDict):
    """Fields of a session that say which cluster is meant."""

    provider: str
    name: str
    kubeconfig: str
    context: str


def chosen(provider: str, name: str, kubeconfig: str, context: str, profile: str) -> Target:
    """Return the cluster that is meant.

    Args:
        provider: `kind`, `existing`, or empty: existing when a file or a context is named.
        name: of the kind cluster; empty for the profile's own.
        kubeconfig: file of an existing cluster.
        context: context of an existing cluster.
        profile: name of the run profile.

    Raises:
        UsageError: the options contradict each other, or leave open which cluster is meant.
    """
    provider = provider or ("existing" if kubeconfig or context else "kind")
    if provider not in {"kind", "existing"}:
        raise UsageError(f"unknown provider {provider!r}", hint="--provider kind or --provider existing")
    if provider == "kind" and (kubeconfig or context):
        raise UsageError(
            "--kubeconfig and --context belong to --provider existing",
            hint="podvow finds its kind cluster by --name",
        )
    if provider == "existing" and not (kubeconfig and context):
        raise UsageError(
            "an existing cluster needs --kubeconfig FILE and --context NAME",
            hint="podvow never uses the current context by silence",
        )
    return Target(
        provider=provider,
        name=name or profile_named(profile).cluster,
        kubeconfig=absolute(kubeconfig),
        context=context,
    )


def absolute(kubeconfig: str) -> str:
    """Return the file as whoever resumes the run from elsewhere finds it."""
    return str(Path(kubeconfig).expanduser().absolute()) if kubeconfig else ""


def typed(context: typer.Context) -> dict[str, Any]:
    """Return the parameters of a command that were typed on the command line, with their values."""
    return {
        name: value
        for name, value in context.params.items()
        if str(context.get_parameter_source(name)).endswith("COMMANDLINE")
    }
