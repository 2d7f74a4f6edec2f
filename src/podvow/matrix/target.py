"""The clusters of a matrix, from what was typed: names of kind clusters, or FILE:CONTEXT of approved ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from podvow.cli_target import absolute
from podvow.cluster import health
from podvow.errors import UsageError
from podvow.safety.identity import Place


@dataclass(frozen=True, slots=True)
class Target:
    """One cluster.

    Attributes:
        label: as it was typed; what its column is called.
        options: the options of `podvow run` that name it.
    """

    label: str
    options: tuple[str, ...]


def targets(typed: Sequence[str]) -> tuple[Target, ...]:
    """Return the clusters that are meant, each once.

    Args:
        typed: a name of one of podvow's kind clusters, or FILE:CONTEXT (a context may have colons, a file not).

    Raises:
        UsageError: something is no such name, a context cannot be read, or two of them are one cluster.
    """
    found: dict[str, Target] = {}
    places: dict[Place, str] = {}
    for label in typed:
        if label in found:
            raise UsageError(f"--cluster {label} twice", hint="name every cluster once")
        file, colon, context = label.partition(":")
        if not file or (colon and not context):
            hint = "--cluster NAME (of podvow's own) or --cluster FILE:CONTEXT (approved)"
            raise UsageError(f"--cluster {label!r} names no cluster", hint=hint)
        if colon:
            kubeconfig = absolute(file)
            place = Place.of(health.read_endpoint(Path(kubeconfig), context))
            if place in places:
                raise UsageError(f"--cluster {label} and --cluster {places[place]} are the same cluster")
            places[place] = label
            found[label] = Target(label, (f"--kubeconfig={kubeconfig}", f"--context={context}"))
        else:
            found[label] = Target(label, ("--provider=kind", f"--name={label}"))
    return tuple(found.values())
