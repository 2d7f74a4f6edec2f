"""Images that were just loaded: a node's status tells of them late, as its kubelet looks every half minute."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from podvow.api import Api
from podvow.cluster.profile import NodeProfile, images_in
from podvow.deadline import Deadline
from podvow.preflight.nodes import reported

LATE_S = 45.0
"""The kubelet lists images every 30 s (imageGCManager) and reports every 10 s what changed."""
_POLL_S = 2.0


def await_images(
    api: Api, nodes: Sequence[NodeProfile], wanted: Sequence[str], patience_s: float = LATE_S
) -> list[str]:
    """Wait until nodes that lack images tell of them, for as long as they may be late with it.

    Args:
        api: the connection.
        nodes: as they were read a moment ago.
        wanted: references.
        patience_s: how long is waited, in seconds.

    Returns:
        The nodes that were waited for: what was read of them is old.

    Raises:
        ApiError: the API server did not answer.
    """
    short = _short(nodes, wanted)
    if not short:
        return []
    waited, deadline, tick = [node.name for node in short], Deadline.after(patience_s), threading.Event()
    text = f"{', '.join(waited)}: images are not told of (yet); waiting up to {patience_s:.0f} s\n"
    sys.stderr.write(text)
    while short and not deadline.passed:
        tick.wait(min(_POLL_S, deadline.left_s))
        statuses = {raw["metadata"]["name"]: raw.get("status") or {} for raw in api.get("/api/v1/nodes")["items"]}
        short = _short([images_in(node, statuses.get(node.name, {})) for node in short], wanted)
    return waited


def _short(nodes: Sequence[NodeProfile], wanted: Sequence[str]) -> list[NodeProfile]:
    return [node for node in nodes if any(reported(node, image) is False for image in wanted)]
