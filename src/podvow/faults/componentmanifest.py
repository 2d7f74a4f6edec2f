"""The manifest of a component of the control plane: with another program in it, and how it is asked. Pure."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from podvow import yamlfile
from podvow.errors import InjectionError, UsageError

_VOLUME = "podvow-program"


def swapped(own: bytes, component: str, path: str, variable: str, value: str) -> bytes:
    """Return a static Pod's manifest with another program in it; all else stays as it is. Pure.

    Args:
        own: the node's own manifest.
        component: the container, and the program that it runs.
        path: the other program.
        variable: a variable of its environment.
        value: its value; empty for none.

    Raises:
        InjectionError: the manifest cannot be understood.
    """
    pod = _read(own, component)
    container, folder = _container(pod, component), str(PurePosixPath(path).parent)
    command = container.get("command") or [""]
    if PurePosixPath(str(command[0])).name != component:
        raise InjectionError(f"the manifest of {component} runs {command[0]!r}, which cannot be understood")
    mount = {"name": _VOLUME, "mountPath": folder, "readOnly": True}
    volume = {"name": _VOLUME, "hostPath": {"path": folder, "type": "Directory"}}
    container["command"] = [path, *command[1:]]
    container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]
    pod["spec"]["volumes"] = [*(pod["spec"].get("volumes") or ()), volume]
    if value:
        container["env"] = [*(container.get("env") or ()), {"name": variable, "value": value}]
    # JSON is YAML; the name of the file says nothing to the kubelet.
    return json.dumps(pod, indent=1).encode() + b"\n"


def health_of(own: bytes, component: str) -> str:
    """Return the URL by which a component's own manifest lets the kubelet ask whether it works.

    Raises:
        InjectionError: the manifest cannot be understood.
    """
    container = _container(_read(own, component), component)
    ports = {str(port.get("name")): port.get("containerPort") for port in container.get("ports") or ()}
    for probe in ("readinessProbe", "livenessProbe"):
        asked = (container.get(probe) or {}).get("httpGet")
        if asked:
            port = ports.get(str(asked["port"]), asked["port"])
            host = asked.get("host") or "127.0.0.1"
            return f"{str(asked.get('scheme', 'HTTP')).lower()}://{host}:{port}{asked.get('path', '/')}"
    raise InjectionError(f"the manifest of {component} has no probe that could be asked")


def _read(own: bytes, component: str) -> dict[str, Any]:
    try:
        pod = yamlfile.loads(own.decode(), where=Path(f"{component}.yaml"), what="manifest of a static Pod")
    except (UsageError, ValueError) as error:
        raise InjectionError(f"the manifest of {component} cannot be read: {error}") from error
    if not isinstance(pod, dict) or not isinstance(pod.get("spec"), dict):
        raise InjectionError(f"the manifest of {component} is no Pod")
    return pod


def _container(pod: dict[str, Any], component: str) -> dict[str, Any]:
    for container in pod["spec"].get("containers") or ():
        if isinstance(container, dict) and container.get("name") == component:
            return container
    raise InjectionError(f"the manifest of {component} has no container of that name")
