"""Figures go between the markers of their own, and nothing else on a page changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.page import DOCS, bullets, put_between, row

PAGE = """# A
<!-- a: begin -->
old
<!-- a: end -->
<!-- b: begin -->
<!-- b: end -->
## What it found
- one
  that goes on
- two
### Below
- three
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_figures_are_put_between_their_markers(page: Path) -> None:
    put_between(page, "a", "new")
    put_between(page, "a", "newer")
    assert page.read_text(encoding="utf-8") == PAGE.replace("old", "newer")


@pytest.mark.parametrize("name", ["c", "A"])
def test_a_page_without_the_markers_is_left_alone(page: Path, name: str) -> None:
    with pytest.raises(ValueError, match="lacks"):
        put_between(page, name, "new")
    assert page.read_text(encoding="utf-8") == PAGE


def test_the_points_of_a_section_are_counted(page: Path) -> None:
    assert (bullets(page, "What it found"), bullets(page, "A")) == (2, 0)
    with pytest.raises(ValueError, match="no section"):
        bullets(page, "What")


def test_figures_are_a_row() -> None:
    assert row({"tried": 3, "slowest": "1 s"}) == "| tried | slowest |\n| ---: | ---: |\n| 3 | 1 s |"


@pytest.mark.parametrize(
    ("page", "heading"),
    [("torture.md", "What it found"), ("reliability.md", "Damaged on purpose")],
)
def test_what_was_found_and_fixed_is_told(page: str, heading: str) -> None:
    assert bullets(DOCS / page, heading) > 0


@pytest.mark.parametrize(
    ("page", "name"), [("torture.md", "torture"), ("reliability.md", "torture"), ("reliability.md", "fuzz")]
)
def test_the_pages_have_their_markers(page: str, name: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text.count(f"<!-- {name}: begin -->") == text.count(f"<!-- {name}: end -->") == 1
