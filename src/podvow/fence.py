"""A policy of the API server that keeps an account inside namespaces of podvow's, whatever its role grants.

RBAC cannot say "in namespaces that it makes"; admission can (ValidatingAdmissionPolicy, GA since Kubernetes 1.30,
reference/access-authn-authz/validating-admission-policy). Then the API server refuses; it is no promise of ours.
"""

from __future__ import annotations

from typing import Any

from podvow.labels import NAMESPACE_PREFIX

_API = "admissionregistration.k8s.io/v1"


def policy(name: str, namespace: str, labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return a policy with its binding: an account changes nothing outside of namespaces named as podvow's.

    Args:
        name: of the account, and of policy and binding.
        namespace: where the account lives.
        labels: labels of both objects.
    """
    of_core = 'request.resource.resource == "namespaces" && request.resource.group == ""'
    inside = f'({of_core} ? request.name : request.namespace).startsWith("{NAMESPACE_PREFIX}")'
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    account = f'request.userInfo.username == "system:serviceaccount:{namespace}:{name}"'
    metadata = {"name": name, "labels": dict(labels)}
    return [
        {
            "apiVersion": _API,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": metadata,
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [everything]},
                "matchConditions": [{"name": "the-account", "expression": account}],
                "validations": [
                    {"expression": inside, "message": f"podvow stays inside namespaces named {NAMESPACE_PREFIX}…"}
                ],
            },
        },
        {
            "apiVersion": _API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name, "labels": dict(labels)},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]
