"""junit.xml: what a CI sees."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podvow.report.gather import gather
from podvow.report.junit import to_junit
from podvow.report.model import RunInfo
from podvow.verdict import Judged, Verdict


@pytest.fixture(scope="module")
def suite(written: Path) -> ET.Element:
    found = ET.parse(written / "junit.xml").getroot().find("testsuite")  # noqa: S314 (we wrote it)
    assert found is not None
    return found


def case(suite: ET.Element, name: str) -> ET.Element:
    return next(c for c in suite.iter("testcase") if c.get("name") == name)


def verdict(element: ET.Element) -> str:
    return next(p.get("value", "") for p in element.iter("property") if p.get("name") == "verdict")


def test_counts_agree_with_the_cases(suite: ET.Element) -> None:
    assert [suite.get(k) for k in ("tests", "failures", "errors", "skipped")] == ["9", "1", "2", "1"]


def test_a_violated_claim_fails_with_its_message(suite: ET.Element) -> None:
    failure = case(suite, "update.app-image[Always]").find("failure")
    assert failure is not None
    assert failure.get("message") == "init-1 not run again after the fault: ran again 1 time"
    assert "init-1 #2 started" in (failure.text or "")


@pytest.mark.parametrize("name", ["sidecars.kubelet-restart[Always]", "rerun.kill[Always]"])
def test_a_missing_answer_is_an_error(suite: ET.Element, name: str) -> None:
    assert case(suite, name).find("error") is not None


def test_a_refuted_seed_claim_passes_and_says_so(suite: ET.Element) -> None:
    refuted = case(suite, "seed.image-update[Always]")
    assert [e.tag for e in refuted] == ["properties", "system-out"]
    assert verdict(refuted) == "refuted"


def test_what_does_not_apply_is_skipped_with_the_detection(suite: ET.Element) -> None:
    skipped = case(suite, "resources.resize[Always]").find("skipped")
    assert skipped is not None
    assert "v1.37.2" in skipped.get("message", "")


@given(text=st.text(alphabet=st.characters(), max_size=60), verdict=st.sampled_from(Verdict))
def test_any_text_makes_well_formed_xml(text: str, verdict: Verdict) -> None:
    judged = Judged(text, "t", (text,), verdict, reason=text, message=text)
    document = to_junit(gather(Path(), RunInfo("r"), [judged], [], [], read=False))
    ET.fromstring(document.encode("utf-8", errors="replace"))  # noqa: S314
