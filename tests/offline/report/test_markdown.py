"""What is said in a page must not steer it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podvow.report.markdown import cell, plain

_UNESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\|")


@given(st.text(alphabet=st.sampled_from("a|\\<\n\t ")))
def test_no_text_ends_a_cell_a_line_or_opens_a_tag(text: str) -> None:
    told = cell(text)
    assert not _UNESCAPED.search(told)
    assert not re.search(r"[\n<]", told)


@pytest.mark.parametrize(
    ("text", "told"),
    [("no|way", r"no\|way"), ("C:\\|", r"C:\\\|"), ("two\n lines", "two lines"), ("<b>", "&lt;b>")],
)
def test_what_a_cell_says_can_still_be_read(text: str, told: str) -> None:
    assert cell(text) == told


def test_a_line_keeps_what_only_tables_cannot_have() -> None:
    assert plain("a | b \\ c\nd") == "a | b \\ c d"
