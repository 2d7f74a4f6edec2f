"""Examples of the fact about the answers to a table of requests."""

from __future__ import annotations

from typing import Any

from podvow.expect import Fact, answered
from podvow.timeline import Timeline
from podvow.timeline.record import Kind
from tests.offline.expect.builder import Story
from tests.offline.expect.table import Case, Cases

PROBE = "spec.initContainers[0].livenessProbe: Forbidden: may not be set"
NAME = 'spec.initContainers[1].name: Duplicate value: "same"'


def cause(text: str, reason: str) -> dict[str, str]:
    """Return a cause as the API server writes it."""
    field, _, message = text.partition(": ")
    return {"field": field, "message": message, "reason": reason}


def told(**data: Any) -> Timeline:
    """Tell of one request and its answer."""
    return Story().say(Kind.ANSWERED, **{"case": "table/one", "verb": "create", **data}).timeline()


def refused(*causes: dict[str, str], status: int = 422, reason: str = "Invalid", message: str = "no") -> Timeline:
    """Tell of a refusal."""
    return told(status=status, reason=reason, message=message, causes=list(causes))


def expects(status: int, *causes: str, message: str = "", case: str = "table/one", of: str = ">=0") -> Fact:
    """Return the fact for one range of versions."""
    return answered(case, {of: {"status": status, "causes": list(causes), "message": message}})


FORBIDDEN = cause(PROBE, "FieldValueForbidden")
TWICE = cause(NAME, "FieldValueDuplicate")
ADMISSION = refused(status=403, reason="Forbidden", message='pods "x" is forbidden: must specify cpu for: init-1')
TAKEN = told(status=200, dropped=[])

IGNORED = told(status=200, dropped=["spec.x"])
FILLED = told(status=200, shown={"spec.x": {"cpu": "1"}})


def takes(**more: Any) -> Fact:
    """Return the fact for an acceptance of which more is known."""
    return answered("table/one", {">=0": {"status": 200, **more}})


CASES: Cases = {
    "answered": Case(
        accept=[
            (expects(200), TAKEN),
            (takes(dropped=["spec.x"]), IGNORED),
            (takes(shown={"spec.x": {"cpu": "1"}}), FILLED),
            (takes(shown={"spec.y": None}), FILLED),
            (expects(422, PROBE), refused(FORBIDDEN)),
            (expects(422, PROBE, NAME), refused(TWICE, FORBIDDEN)),
            (expects(422, PROBE, PROBE), refused(FORBIDDEN, FORBIDDEN)),
            (expects(422, "spec.initContainers[0].livenessProbe: Forbidden: …"), refused(FORBIDDEN)),
            # the wildcard leaves the exact cause to the exact text
            (expects(422, "spec.initContainers[…: …", NAME), refused(TWICE, FORBIDDEN)),
            (expects(403, message='pods "x" is forbidden: must specify cpu for: init-1'), ADMISSION),
            (expects(403, message="…must specify …: init-1"), ADMISSION),
            (
                answered(
                    "table/one",
                    {"<1.37": {"status": 200}, ">=1.37": {"status": 422, "causes": [PROBE], "message": ""}},
                ),
                refused(FORBIDDEN),
            ),
        ],
        reject=[
            (expects(200), refused(FORBIDDEN)),
            (expects(422, PROBE), TAKEN),
            (takes(dropped=["spec.y"]), IGNORED),
            (takes(dropped=["spec.x"]), TAKEN),
            (takes(shown={"spec.x": {"cpu": "2"}}), FILLED),
            (takes(shown={"spec.x": {"cpu": "1"}}), TAKEN),
            (expects(200), told(status=200, dropped=["spec.initContainers[0].restartPolicy"])),
            # one cause too few, one too many, another one, the same one twice
            (expects(422, PROBE, NAME), refused(FORBIDDEN)),
            (expects(422, PROBE), refused(FORBIDDEN, TWICE)),
            (expects(422, PROBE), refused(TWICE)),
            (expects(422, PROBE), refused(FORBIDDEN, FORBIDDEN)),
            (expects(422, PROBE, PROBE), refused(FORBIDDEN)),
            # the right text in the wrong place, an exact text with more behind it
            (expects(422, PROBE), refused({**FORBIDDEN, "field": "spec.initContainers[1].livenessProbe"})),
            (expects(422, PROBE), refused({**FORBIDDEN, "message": "Forbidden: may not be set either"})),
            # the right text with the wrong type, the right status with the wrong reason
            (expects(422, PROBE), refused({**FORBIDDEN, "reason": "FieldValueInvalid"})),
            (expects(422, PROBE), refused(FORBIDDEN, reason="BadRequest")),
            (expects(403, PROBE), refused(FORBIDDEN)),
            (expects(403, message="…must specify memory…"), ADMISSION),
            (expects(403, message="must specify cpu for: init-1"), ADMISSION),
        ],
        open=[
            (expects(200, case="table/two"), TAKEN),
            (expects(200), Story().timeline()),
            (expects(200, of="<1.37"), TAKEN),
        ],
    ),
}
