"""A driver that sends a node away and never brings it back: `python -m tests.cluster.away NODE HOW FOLDER`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from podvow.cluster import lifecycle
from podvow.cluster.node import NodePower
from podvow.faults.lifeline import Lifeline
from podvow.faults.node import cut_power, freeze_node
from podvow.journal.log import Journal
from podvow.watchdog.leash import Watchdog
from tests.cluster.command import NAME


def main(node: str, how: str, folder: Path) -> None:
    """Do to a node what a fault does, as far as the worst moment."""
    cluster = lifecycle.attach(NAME)
    access: object = cluster.access
    assert isinstance(access, NodePower)
    assert cluster.access is not None
    dog = Watchdog(folder, "test-away", kubeconfig=str(cluster.kubeconfig), context=cluster.context)
    line = Lifeline(cluster.access, "test-away", Journal(folder / "journal.jsonl", run="test-away"), dog)
    if how == "freeze":
        line.before(node, freeze_node(600), held=False)
        access.freeze(node)
    else:
        line.before(node, cut_power(), held=False)
        access.cut_power(node)
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
