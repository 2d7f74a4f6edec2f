"""Examples of the facts about what probes found."""

from __future__ import annotations

from typing import Any

from podvow.expect import probe_contained, probed
from podvow.timeline import Timeline
from tests.offline.expect.builder import Story
from tests.offline.expect.table import Case, Cases


def told(**data: Any) -> Timeline:
    """Tell of a Pod whose log was asked for."""
    story = Story()
    story.pod().initialise()
    story.look("log of init-1", **data)
    return story.timeline()


ANSWER = told(facts={"code": 200, "log": {"text": "done twice"}})
REFUSED = told(error="no such container")

CASES: Cases = {
    "probed": Case(
        accept=[(probed("log of init-1", "code", 200), ANSWER)],
        reject=[(probed("log of init-1", "code", 400), ANSWER), (probed("log of init-1", "log/size", 3), ANSWER)],
        open=[(probed("log of init-2", "code", 200), ANSWER), (probed("log of init-1", "code", 200), REFUSED)],
    ),
    "probe_contained": Case(
        accept=[(probe_contained("log of init-1", "log/text", "twice"), ANSWER)],
        reject=[(probe_contained("log of init-1", "log/text", "thrice"), ANSWER)],
        open=[(probe_contained("log of init-1", "log/text", "twice"), REFUSED)],
    ),
}
