"""Outages are timed from the start of the request that failed first."""

from __future__ import annotations

import pytest

from podvow.errors import UsageError
from podvow.upgrade.outage import Outage, outages, summed
from podvow.upgrade.samples import Sample, parse

LOG = """\
clock 100.00 1000000
sample 100.01 new ok 1 20
sample 100.02 reused ok 1 10
sample 160.50 new ok 59 30
sample 161.50 new fail 1 3000
sample 163.20 reused closed 1 0
sample 163.20 reused ok 62 15
sample 165.60 new fail 1 2000
sample 168.70 new ok 1 900
"""


def test_the_lines_of_a_sampler_are_read_with_its_clock() -> None:
    found = parse(LOG.splitlines(), where="x.log")
    assert len(found) == 8
    assert found[3] == Sample(1000061.5, "new", "fail", 1, 3000)


def test_a_sampler_that_was_restarted_begins_with_another_clock() -> None:
    found = parse([*LOG.splitlines(), "", "clock 5.00 1000500", "sample 6.00 new ok 1 1"], where="x.log")
    assert found[-1].at_s == 1000501.0


@pytest.mark.parametrize(
    "line", ["nonsense", "sample 1 new ok 1", "sample 1 new perhaps 1 1", "sample x new ok 1 1", "clock 1 x"]
)
def test_a_line_that_no_sampler_wrote_is_refused_by_place(line: str) -> None:
    with pytest.raises(UsageError, match=r"x\.log:2: no line of a sampler"):
        parse(["clock 1.0 10", line], where="x.log")
    with pytest.raises(UsageError, match=r"x\.log:1"):
        parse(["sample 1.0 new ok 1 1"], where="x.log")


def test_an_outage_lasts_from_the_first_request_that_fails_to_the_first_that_is_answered() -> None:
    samples = parse(LOG.splitlines(), where="x")
    assert outages("n", "new", samples) == [Outage("n", "new", 1000061.5, 7.2, ended=True)]
    assert outages("n", "reused", samples) == [], "a connection that is closed while idle is no outage"


def test_an_outage_that_is_not_over_lasts_until_the_end_of_its_last_request() -> None:
    samples = parse(LOG.splitlines()[:8], where="x")
    assert outages("n", "new", samples) == [Outage("n", "new", 1000061.5, 6.1, ended=False)]


def test_all_nodes_are_summed_up_by_connection() -> None:
    samples = parse(LOG.splitlines(), where="x")
    new, reused = summed({"a": samples, "b": samples[:2]})
    assert (new.requests, new.failed, new.closed, new.slowest_ms, new.longest_s) == (64, 2, 0, 900, 7.2)
    assert (reused.requests, reused.failed, reused.closed, reused.longest_s) == (64, 0, 1, 0.0)
