"""Merge patches for a scenario's Pod, written the short way: what a container's environment or rules are to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_OFTEN = {"periodSeconds": 1, "timeoutSeconds": 5}
"""How probes ask unless they are told otherwise: as soon as may be, and with patience for a busy machine."""


def containers(
    *, inits: Mapping[str, Mapping[str, Any]] | None = None, apps: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Return the merge patch that changes containers of a Pod.

    Args:
        inits: fields of init containers by name; `env` may be a plain mapping.
        apps: the same of app containers.
    """
    lists = {"initContainers": inits, "containers": apps}
    patch = {
        key: [_container(name, own) for name, own in by_name.items()] for key, by_name in lists.items() if by_name
    }
    return {"spec": patch}


def _container(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    made = {"name": name, **fields}
    if isinstance(fields.get("env"), Mapping):
        made["env"] = [{"name": key, "value": str(value)} for key, value in fields["env"].items()]
    return made


def codes(*, init: str = "0", app: str = "stay") -> dict[str, Any]:
    """Return the patch that tells the containers of the fixture `exits-as-told` their exit codes, run by run."""
    return containers(inits={"init": {"env": {"CODES": init}}}, apps={"app": {"env": {"CODES": app}}})


def page_probe(**how: Any) -> dict[str, Any]:
    """Return a probe of the page that the sidecar of the fixture `sidecar-probed` serves later than it starts."""
    return {"httpGet": {"path": "/up", "port": 8080}, **_OFTEN, **how}


def command_probe(*command: str, **how: Any) -> dict[str, Any]:
    """Return a probe by a command in the container."""
    return {"exec": {"command": list(command)}, **_OFTEN, **how}


def rule(values: Sequence[int], *, operator: str = "In", action: str = "Restart") -> dict[str, Any]:
    """Return one of a container's `restartPolicyRules`."""
    return {"action": action, "exitCodes": {"operator": operator, "values": list(values)}}


def own(policy: str, told: str, *rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a container of `exits-as-told`: a policy of its own, its exit codes, its rules."""
    fields: dict[str, Any] = {"restartPolicy": policy, "env": {"CODES": told}}
    return {**fields, "restartPolicyRules": list(rules)} if rules else fields
