"""A sandbox that loses its network: the network namespace is taken away from under the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.errors import InjectionError
from podvow.faults.base import FaultContext, PodFaultFromNode
from podvow.faults.patience import known
from podvow.faults.runtime import live_sandbox
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark

_TAKE = 'umount -l "$1" && rm -f "$1"'


@dataclass(frozen=True)
class LoseAddress(PodFaultFromNode):
    """Unmount and remove the sandbox's network namespace; the runtime then tells no address of it."""

    name: str = "lose_address"

    @property
    def target(self) -> str:
        """The namespace."""
        return "network namespace of the sandbox"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Take it away, and ask the runtime for the address before and after."""
        sandbox = known(lambda: live_sandbox(context.timeline())).id
        before = context.runtime.inspect_sandbox(context.node, sandbox)
        spaces = ((before["info"].get("runtimeSpec") or {}).get("linux") or {}).get("namespaces") or ()
        path = next((str(n.get("path", "")) for n in spaces if n.get("type") == "network"), "")
        if not path.startswith(("/run/netns/", "/var/run/netns/")):
            raise InjectionError(f"the sandbox has no network namespace of its own: {path!r}")
        context.nodes.exec(context.node, ["sh", "-c", _TAKE, "sh", path])
        after = context.runtime.inspect_sandbox(context.node, sandbox)
        return {"sandbox": sandbox, "netns": path, "ip_before": _address(before), "ip_after": _address(after)}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The runtime told an address before, and none afterwards."""
        return bool(mark.facts["ip_before"]) and not mark.facts["ip_after"]


def _address(inspected: Mapping[str, Any]) -> str:
    return str((inspected["status"].get("network") or {}).get("ip") or "")


def lose_address() -> LoseAddress:
    """Return the fault that leaves a sandbox without an address."""
    return LoseAddress()
