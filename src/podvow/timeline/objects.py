"""Shapes of the Kubernetes objects that podvow reads, with the types that the API gives their fields."""

from __future__ import annotations

from podvow.shapes import MAP_OF_TEXT, TEXT_OR_NUMBER

_STATE = {
    "running": {"startedAt": (str, None)},
    "waiting": {"reason": str, "message": str},
    "terminated": {
        "exitCode!": int,
        "signal": int,
        "reason": str,
        "message": str,
        "startedAt": (str, None),
        "finishedAt": (str, None),
        "containerID": str,
    },
}
_RESOURCES = {"requests": {...: TEXT_OR_NUMBER}, "limits": {...: TEXT_OR_NUMBER}, "claims": [{"name!": str}]}
_CONTAINER_STATUS = {
    "name!": str,
    "state": _STATE,
    "lastState": _STATE,
    "restartCount": int,
    "ready": bool,
    "started": (bool, None),
    "image": str,
    "imageID": str,
    "containerID": str,
    "resources": (_RESOURCES, None),
    "allocatedResources": {...: TEXT_OR_NUMBER},
    "user": {"linux": {"uid": int, "gid": int, "supplementalGroups": [int]}},
    "stopSignal": str,
}
_CONDITION = {
    "type!": str,
    "status": str,
    "reason": str,
    "message": str,
    "observedGeneration": int,
    "lastTransitionTime": (str, None),
    "lastProbeTime": (str, None),
}
_PROBE = {"initialDelaySeconds": int, "periodSeconds": int, "failureThreshold": int, "timeoutSeconds": int}
CONTAINER = {
    "name!": str,
    "image": str,
    "command": [str],
    "args": [str],
    "restartPolicy": str,
    "imagePullPolicy": str,
    "env": [{"name!": str, "value": str}],
    "ports": [{"containerPort": int, "hostPort": int, "name": str, "protocol": str}],
    "resources": (_RESOURCES, None),
    "resizePolicy": [{"resourceName!": str, "restartPolicy": str}],
    "restartPolicyRules": [{"action": str, "exitCodes": {"operator": str, "values": [int]}}],
    "volumeMounts": [{"name!": str, "mountPath": str}],
    "startupProbe": _PROBE,
    "readinessProbe": _PROBE,
    "livenessProbe": _PROBE,
    "lifecycle": {"stopSignal": str},
}
POD_SPEC = {
    "containers": [CONTAINER],
    "initContainers": [CONTAINER],
    "ephemeralContainers": [CONTAINER],
    "volumes": [{"name!": str}],
    "restartPolicy": str,
    "nodeName": str,
    "terminationGracePeriodSeconds": (int, None),
    "activeDeadlineSeconds": (int, None),
    "nodeSelector": MAP_OF_TEXT,
    "resources": (_RESOURCES, None),
    "overhead": {...: TEXT_OR_NUMBER},
    "tolerations": [{"key": str, "effect": str, "operator": str, "tolerationSeconds": (int, None)}],
    "shareProcessNamespace": bool,
    "hostNetwork": bool,
    "serviceAccountName": str,
    "schedulingGates": [{"name!": str}],
}
METADATA = {
    "name": str,
    "namespace": str,
    "uid": str,
    "generation": int,
    "resourceVersion": str,
    "labels": MAP_OF_TEXT,
    "annotations": MAP_OF_TEXT,
    "finalizers": [str],
    "ownerReferences": [{"kind": str, "name": str, "uid": str}],
    "creationTimestamp": (str, None),
    "deletionTimestamp": (str, None),
    "deletionGracePeriodSeconds": (int, None),
}
POD = {
    "kind": str,
    "metadata!": METADATA,
    "spec": POD_SPEC,
    "status": {
        "phase": str,
        "reason": str,
        "message": str,
        "qosClass": str,
        "podIP": str,
        "podIPs": [{"ip": str}],
        "hostIP": str,
        "resize": str,
        "startTime": (str, None),
        "observedGeneration": int,
        "conditions": [_CONDITION],
        "initContainerStatuses": [_CONTAINER_STATUS],
        "containerStatuses": [_CONTAINER_STATUS],
        "ephemeralContainerStatuses": [_CONTAINER_STATUS],
        "allocatedResources": {...: TEXT_OR_NUMBER},
        "resources": _RESOURCES,
    },
}
_SLICE = {
    # Go writes a list without items as null.
    "endpoints": (
        [
            {
                "addresses": ([str], None),
                "conditions": {...: (bool, None)},
                "targetRef": {"kind": str, "name": str, "uid": str},
                "nodeName": str,
            }
        ],
        None,
    ),
    "ports": ([{"port": (int, None), "name": (str, None), "protocol": str}], None),
}
OBJECT = {
    "kind!": str,
    "metadata!": METADATA,
    "spec": {
        "replicas": int,
        "containers": [CONTAINER],
        "initContainers": [CONTAINER],
        "template": {"metadata": METADATA, "spec": POD_SPEC},
    },
    "status": {"conditions": [_CONDITION], "used": {...: TEXT_OR_NUMBER}, "hard": {...: TEXT_OR_NUMBER}},
    **_SLICE,
}
