"""The register as table, JSON and page; the page in the checkout is what the register says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from podvow import cli, register_doc
from podvow.claims import Behaviour, Claim, Register, SeedLine, load_register
from podvow.errors import UsageError
from podvow.paths import ROOT, SUITES

A = Claim(
    id="a.b.one",
    statement="One | two.",
    sources=("concepts/x/y#z", "seed:1", "a file"),
    catalogue=("E1",),
    gates=("SomeGate",),
    expected={">=1.37": "violated"},
    note="Seen\n  twice.",
)
B = Claim(id="b.c.two", statement="Two.", sources=("tasks/q",), catalogue=("E2",), not_judged="No devices.")
SMALL = Register(
    claims=(B, A),
    seed=(
        SeedLine(line=1, text="A sentence.", claims=("a.b.one",)),
        SeedLine(line=2, text="Title.", note="Nothing."),
    ),
    catalogue=(
        Behaviour(id="E1", title="First"),
        Behaviour(id="E2", title="Second"),
        Behaviour(id="E3", title="Third", reason="It cannot be done."),
    ),
)


def test_the_page_has_everything() -> None:
    text = register_doc.to_markdown(SMALL)
    assert text.index("### a.b.one") < text.index("### b.c.two")
    for part in (
        "[concepts/x/y#z](https://kubernetes.io/docs/concepts/x/y#z)", "`seed:1`", "`a file`",
        "expected: violated on >=1.37, else holds", "gates `SomeGate`", "kubelet `>=1.29`", "note: Seen twice.",
        "not judged: No devices.", "| 1 | A sentence. | [a.b.one](#abone) |  |", "| 2 | Title. |  | Nothing. |",
        "| E1 | First | [a.b.one](#abone) |", "| E3 | Third | none: It cannot be done. |",
    ):  # fmt: skip
        assert part in text


def test_the_order_of_the_files_changes_nothing() -> None:
    other = SMALL.model_copy(update={"claims": tuple(reversed(SMALL.claims))})
    assert register_doc.to_markdown(other) == register_doc.to_markdown(SMALL)
    assert register_doc.to_json(other, "v1.37.2") == register_doc.to_json(SMALL, "v1.37.2")


def test_json_is_complete() -> None:
    document = json.loads(register_doc.to_json(SMALL, "v1.36.3"))
    one, two = document["claims"]
    assert set(Claim.model_fields) <= set(one)
    assert (one["id"], one["area"], one["expected_on"], one["gating"]) == ("a.b.one", "a", "holds", True)
    assert two["not_judged"] == "No devices."
    assert [b["claims"] for b in document["catalogue"]] == [["a.b.one"], ["b.c.two"], []]


def test_a_selection_keeps_what_belongs_to_it() -> None:
    chosen = register_doc.select(SMALL, areas=["a"])
    assert ([c.id for c in chosen.claims], len(chosen.seed), len(chosen.catalogue)) == (["a.b.one"], 1, 1)
    assert register_doc.select(SMALL) is SMALL
    assert len(register_doc.select(SMALL, areas=["a"], claims=["b.c.two"]).claims) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"catalogue": (Behaviour(id="E1", title="First"),)}, "b.c.two names E2, which is not in the catalogue"),
        ({"claims": (A,)}, "no claim names E2 (Second), and no reason says why"),
        ({"catalogue": SMALL.catalogue * 2}, "catalogue id E1 is there twice"),
        ({}, "is not what the register says today"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, object], why: str) -> None:
    page = tmp_path / "claims.md"
    register = SMALL.model_copy(update=change)
    page.write_text(register_doc.to_markdown(register) + ("" if change else "more\n"))
    with pytest.raises(UsageError) as caught:
        register_doc.check(register, page)
    assert why in str(caught.value)


def test_a_page_that_is_up_to_date_passes(tmp_path: Path) -> None:
    page = tmp_path / "claims.md"
    page.write_text(register_doc.to_markdown(SMALL))
    register_doc.check(SMALL, page)
    with pytest.raises(UsageError, match="nosuch"):
        register_doc.check(SMALL, tmp_path / "nosuch")


def test_the_page_in_the_checkout_is_up_to_date_and_the_catalogue_is_covered() -> None:
    register_doc.check(load_register(SUITES / "claims.yaml"), ROOT / "docs" / "claims.md")


# the command


def _typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["podvow", "claims", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--area", "nosuch"], "no area 'nosuch' in the register"),
        (["--claim", "no.such.claim"], "no claim 'no.such.claim' in the register"),
        (["--json", "--markdown"], "exclude each other"),
        (["--check", "x.md", "--area", "ordering"], "about the whole register"),
        (["--check", "nosuch.md"], "nosuch.md"),
        (["--version", "after lunch"], "'after lunch' is no version"),
        (["--bogus"], "--bogus"),
    ],
    ids=str,
)
def test_wrong_input_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert _typed(monkeypatch, *words) == 2
    told = capsys.readouterr().err
    assert why in told
    assert "→" in told


def test_the_table_names_claims_and_verdicts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _typed(monkeypatch, "--claim", "ordering.inits.one-at-a-time", "--area", "seed") == 0
    told = capsys.readouterr().out
    assert "ordering.inits.one-at-a-time" in told
    assert "seed-literal" in told
    assert "violated" in told


def test_json_and_page_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _typed(monkeypatch, "--json") == 0
    assert json.loads(capsys.readouterr().out)["schema"] == 1
    assert _typed(monkeypatch, "--markdown") == 0
    assert capsys.readouterr().out.startswith("# The claims\n")
