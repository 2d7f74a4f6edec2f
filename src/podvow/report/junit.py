"""junit.xml: the one format that every CI reads."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from podvow.report.gather import Entry, Report
from podvow.verdict import UNDECIDED, Verdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """Return the text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _properties(parent: ET.Element, values: dict[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", name=clean(name), value=clean(value))


def _case(suite: ET.Element, entry: Entry) -> None:
    judged = entry.judged
    area = judged.scenario.partition(".")[0]
    case = ET.SubElement(
        suite,
        "testcase",
        classname=clean(f"podvow.{area}"),
        name=clean(judged.scenario),
        time=f"{judged.wall_s:.3f}",
    )
    facts = {
        "verdict": entry.shown,
        "claims": " ".join(judged.claims),
        "faults": " ".join(entry.faults),
        "node": entry.node,
        "kubelet_version": entry.timeline.meta.kubelet_version if entry.timeline else "",
        "evidence": judged.evidence,
        "findings": "; ".join(f"{f.kind}: {f.text}" for f in judged.findings),
    }
    _properties(case, {name: value for name, value in facts.items() if value})
    text = clean(judged.message or judged.reason or entry.headline)
    message = clean(entry.headline or judged.verdict.value)
    if judged.verdict is Verdict.NOT_APPLICABLE:
        ET.SubElement(case, "skipped", message=clean(judged.reason or "not applicable"))
    elif entry.shown == Verdict.VIOLATED:
        ET.SubElement(case, "failure", type=judged.verdict.value, message=message).text = text
    elif judged.verdict in UNDECIDED and entry.gating:
        ET.SubElement(case, "error", type=judged.verdict.value, message=message).text = text
    elif judged.verdict is not Verdict.HOLDS:
        ET.SubElement(case, "system-out").text = text


def to_junit(report: Report) -> str:
    """Return junit.xml as text: one suite, one case per scenario.

    A violated claim is a failure, a missing answer an error, a scenario that does not apply is skipped. What judges
    seed-literal claims only never fails, nor does a violation that the register expects of this kubelet: they pass
    with the property `verdict` and their message as output.
    """
    run = report.run
    suite = ET.Element("testsuite", name="podvow", timestamp=run.started, time=f"{run.wall_s:.3f}")
    facts = {
        "run": run.id,
        "provider": run.provider,
        "server_version": run.server_version,
        "limit_s": f"{run.limit_s:.3f}",
        "wall_over_limit": f"{run.wall_over_limit:.3f}",
    }
    facts |= {f"kubelet.{node.name}": node.kubelet_version for node in run.nodes}
    _properties(suite, facts | dict(run.extra))
    for entry in report.entries:
        _case(suite, entry)
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(1 for _ in suite.iter(tag))))
    suites = ET.Element("testsuites", name="podvow")
    suites.append(suite)
    ET.indent(suites, " ")
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"
