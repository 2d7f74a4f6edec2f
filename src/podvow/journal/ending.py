"""The end of a run: what it could not take back, looked at rather than believed."""

from __future__ import annotations

from collections.abc import Iterable

from podvow.api import Api, ApiError
from podvow.journal.act import Site
from podvow.journal.audit import Spared, audit_nodes
from podvow.journal.found import runs_in, spared
from podvow.journal.holdups import holdups
from podvow.journal.log import Journal
from podvow.journal.undo import node_of
from podvow.labels import run_of


def left_on_nodes(site: Site, journal: Journal) -> list[str]:
    """Return what is left of a run on the nodes that it changed, in words.

    An undo that failed is noted as done when its node turns out to be well all the same (a repair did it).

    Args:
        site: the cluster.
        journal: the run's journal.
    """
    if not journal.nodes:
        return []
    try:
        found = audit_nodes(site, journal.nodes)
        others = Spared()
        if found:  # by another run, perhaps
            own = run_of(journal.header.run)
            others = spared(site.api, (label for label in runs_in(site.api) if run_of(label) != own))
    except ApiError as error:
        return [f"{entry.words}: {error.message}" for entry in journal.open_entries if node_of(entry.undo)]
    found = others.leave_out(found)
    unwell = {leak.node for leak in found}
    for entry in journal.open_entries:
        node = node_of(entry.undo)
        if node and node not in unwell | others.nodes:
            journal.settle(entry.undo, note="the node is well all the same")
    leaks = [str(leak) for leak in found]
    leaks += [
        f"{entry.words}: cannot be verified, another run disturbs the node"
        for entry in journal.open_entries
        if node_of(entry.undo) in others.nodes
    ]
    return list(dict.fromkeys(leaks))


def left_namespaces(api: Api, names: Iterable[str]) -> list[str]:
    """Return namespaces that did not go in time, each with what holds it up."""
    return [f"namespace {name}: {'; '.join(holdups(api, name)) or 'is still there'}" for name in names]
