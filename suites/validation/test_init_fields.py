"""What the API server refuses in init containers (init-containers#differences-from-regular-containers)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import rejected_with
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import rejected

_EXEC: dict[str, Any] = {"exec": {"command": ["true"]}}
_FORBIDDEN = "Forbidden: may not be set for init containers without restartPolicy=Always"


def on_init(field: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"initContainers": [{"name": "init-1", field: value}]}}


@claim("validation.regular-init.forbids-probes-and-lifecycle")
@pytest.mark.parametrize(
    ("field", "edits"),
    [
        pytest.param(field, on_init(field, value), id=field)
        for field, value in (
            ("lifecycle", {"postStart": _EXEC}),
            ("livenessProbe", _EXEC),
            ("readinessProbe", _EXEC),
            ("startupProbe", _EXEC),
        )
    ],
)
@scenario(pod="valid-pod", expect_rejection=True, steady=rejected(), typical_s=1)
def test_a_regular_init_container_may_have_no_probe_and_no_lifecycle(
    timeline: Trial, field: str, edits: object
) -> None:
    timeline.must(rejected_with(422, f"spec.initContainers[0].{field}: {_FORBIDDEN}"))


@claim("validation.names.unique-in-pod")
@pytest.mark.parametrize(
    ("pod", "cause"),
    [
        pytest.param(
            "invalid-two-inits-of-a-name", 'spec.initContainers[1].name: Duplicate value: "same"', id="two-inits"
        ),
        pytest.param(
            "invalid-init-named-as-app", 'spec.initContainers[0].name: Duplicate value: "same"', id="init-and-app"
        ),
    ],
)
@scenario(expect_rejection=True, steady=rejected(), typical_s=1)
def test_container_names_are_unique_over_inits_and_apps(timeline: Trial, pod: str, cause: str) -> None:
    timeline.must(rejected_with(422, cause))
