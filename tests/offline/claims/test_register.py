from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.version import Version

from podvow.claims import Claim, Register, load_register
from podvow.errors import UsageError
from podvow.paths import SUITES
from podvow.verdict import ClaimKind

CLAIM: dict[str, Any] = {"id": "a.b.c", "statement": "It holds.", "sources": ["concepts/x#y"]}
SEED: dict[str, Any] = {"line": 3, "text": "A sentence.", "claims": ["a.b.c"]}


def _load(folder: Path, content: Any) -> Register:
    path = folder / "claims.yaml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(yaml.safe_dump(content))
    return load_register(path)


def test_a_register_is_read(tmp_path: Path) -> None:
    register = _load(tmp_path, {"claims": [CLAIM], "seed": [SEED]})
    assert register.claim("a.b.c").area == "a"
    assert register.seed[0].claims == ("a.b.c",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"claims: [", "claims.yaml"),
        (b"\xff\xfe\x00", "claims.yaml"),
        (b"", "broken claims register"),
        (b"- a", "broken claims register"),
        ({"seed": []}, "no claim in the register"),
        ({"claims": [CLAIM, CLAIM]}, "duplicate claim id a.b.c"),
        ({"claims": [{**CLAIM, "id": "Not An Id"}]}, "claims.0.id"),
        ({"claims": [{**CLAIM, "id": "a.b"}]}, "claims.0.id"),
        ({"claims": [{**CLAIM, "sources": []}]}, "claims.0.sources"),
        ({"claims": [{**CLAIM, "kind": "rumour"}]}, "claims.0.kind"),
        ({"claims": [{**CLAIM, "severity": "awful"}]}, "claims.0.severity"),
        ({"claims": [{**CLAIM, "versions": "after lunch"}]}, "claims.0.versions"),
        ({"claims": [{**CLAIM, "expected": {"after lunch": "holds"}}]}, "claims.0.expected"),
        ({"claims": [{**CLAIM, "expected": {">=1.30": "perhaps"}}]}, "claims.0.expected"),
        ({"claims": [{**CLAIM, "colour": "red"}]}, "claims.0.colour"),
        ({"claims": [CLAIM], "seed": [{**SEED, "claims": ["x.y.z"]}]}, "seed line 3 names unknown claims: x.y.z"),
        ({"claims": [CLAIM], "seed": [{**SEED, "claims": []}]}, "seed line 3 has neither a claim nor a note"),
        ({"claims": [CLAIM], "seed": [{"text": "x"}]}, "seed.0.line"),
    ],
)
def test_a_broken_register_is_named_with_its_place(tmp_path: Path, content: Any, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, content)
    assert str(tmp_path / "claims.yaml") in str(caught.value)
    assert why in str(caught.value)


def test_a_register_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"claims\.yaml"):
        load_register(tmp_path / "claims.yaml")


def test_a_seed_line_may_have_a_note_instead_of_a_claim(tmp_path: Path) -> None:
    register = _load(tmp_path, {"claims": [CLAIM], "seed": [{"line": 1, "text": "Title.", "note": "A heading."}]})
    assert register.seed[0].claims == ()


# register and tests


@pytest.mark.parametrize(
    ("judged", "why"),
    [
        ({"t::one": ["a.b.c"], "t::two": []}, "t::two names no claim"),
        ({"t::one": ["a.b.c", "x.y.z"]}, "t::one judges x.y.z, which is not in the register"),
        ({}, "claim a.b.c has no test"),
    ],
)
def test_register_and_tests_must_agree(judged: dict[str, list[str]], why: str) -> None:
    with pytest.raises(UsageError, match="register and tests disagree") as caught:
        Register(claims=(Claim(**CLAIM),)).check_tests(judged)
    assert why in str(caught.value)


def test_all_disagreements_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        Register(claims=(Claim(**CLAIM),)).check_tests({"t::one": [], "t::two": ["x.y.z"]})
    assert len(str(caught.value).splitlines()) == 4


def test_a_register_that_is_judged_whole_is_in_order() -> None:
    Register(claims=(Claim(**CLAIM),)).check_tests({"t::one": iter(["a.b.c"])})


def test_an_unknown_claim_is_named_with_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"no claim 'x\.y\.z' in the register") as caught:
        Register(claims=()).claim("x.y.z")
    assert "claims.yaml" in caught.value.hint


# versions


@pytest.mark.parametrize(
    ("versions", "kubelet", "applies"),
    [
        (">=1.29", "1.29.0", True),
        (">=1.29", "1.28.9", False),
        (">=1.29,<1.33", "1.33.0", False),
        (">=1.34", "1.34.0-alpha.3", False),
        (">=1.29", "1.37.0-rc.1", True),
    ],
)
def test_which_kubelets_a_claim_is_about(versions: str, kubelet: str, applies: object) -> None:
    assert Claim(**CLAIM, versions=versions).applies_to(Version(kubelet)) is applies


@pytest.mark.parametrize(
    ("kind", "kubelet", "expected"),
    [
        (ClaimKind.DOCUMENTED, "1.29.4", "violated"),
        (ClaimKind.DOCUMENTED, "1.32.0", "holds"),
        (ClaimKind.DOCUMENTED, "1.37.0", "holds"),
        (ClaimKind.SEED_LITERAL, "1.29.4", "violated"),
        (ClaimKind.SEED_LITERAL, "1.32.0", "holds"),
        (ClaimKind.SEED_LITERAL, "1.37.0", "violated"),
        (ClaimKind.CHARACTERISED, "1.37.0", "holds"),
    ],
)
def test_the_first_range_that_fits_tells_what_is_expected(kind: ClaimKind, kubelet: str, expected: str) -> None:
    ranges: Any = {"<1.30": "violated", "<1.33": "holds"}
    assert Claim(**CLAIM, kind=kind, expected=ranges).expected_on(Version(kubelet)) == expected


@pytest.mark.parametrize("kind", ClaimKind)
def test_only_what_the_seed_alone_says_never_fails_a_run(kind: ClaimKind) -> None:
    assert Claim(**CLAIM, kind=kind).gating is (kind is not ClaimKind.SEED_LITERAL)


# the real one


@pytest.fixture(scope="module")
def real() -> Register:
    return load_register(SUITES / "claims.yaml")


def test_the_seed_lines_are_unique_and_rise(real: Register) -> None:
    lines = [sentence.line for sentence in real.seed]
    assert lines
    assert all(a < b for a, b in pairwise(lines))


def test_what_a_claim_says_of_the_seed_the_seed_says_of_the_claim(real: Register) -> None:
    known = {sentence.line for sentence in real.seed}
    told = Counter(c for sentence in real.seed for c in sentence.claims)
    for claim in real.claims:
        lines = [int(s.removeprefix("seed:")) for s in claim.sources if s.startswith("seed:")]
        assert set(lines) <= known, f"{claim.id} names a line that the register does not have"
        assert not lines or told[claim.id], f"{claim.id} comes from the seed, but no sentence names it"
        if claim.kind is ClaimKind.SEED_LITERAL:
            assert lines, f"{claim.id} is the seed's and names no line of it"


def test_every_claim_says_something_and_belongs_somewhere(real: Register) -> None:
    for claim in real.claims:
        assert claim.statement.endswith("."), claim.id
        assert claim.feature, claim.id
        assert (SUITES / claim.area).is_dir(), f"{claim.id} has no folder"
