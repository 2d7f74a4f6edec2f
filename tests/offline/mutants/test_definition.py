"""Definitions of mutants: those of the project are sound, broken ones are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from podvow.claims import load_register
from podvow.errors import UsageError
from podvow.mutants.definition import DEFINITIONS, Definition, Target, chosen, load, of_target, untried
from podvow.paths import SUITES
from podvow.verdict import ClaimKind

GOOD = """
id: no-backoff
title: A crashing container is started again at once.
versions: ">=1.36"
edits:
  - file: pkg/kubelet/kuberuntime/kuberuntime_manager.go
    anchor: "if inBackOff {"
    replace: "if !$ACTIVE && inBackOff {"
claims: [failure.backoff.curve]
"""
OURS = load(DEFINITIONS)
OUTSIDE = DEFINITIONS.with_name("mutants-outside")
REGISTER = load_register(SUITES / "claims.yaml")


def write(folder: Path, text: str, name: str = "one.yaml") -> Path:
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("folder", "definition"),
    [(folder, each) for folder in (DEFINITIONS, OUTSIDE) for each in load(folder)],
    ids=lambda value: value.id if isinstance(value, Definition) else value.name,
)
def test_our_own_definitions_are_sound(folder: Path, definition: Definition) -> None:
    assert (folder / f"{definition.id}.yaml").is_file(), "a file is named after its mutant"
    assert definition.related(REGISTER) or definition.control
    for claim in definition.holds:
        assert REGISTER.claim(claim).kind is ClaimKind.SEED_LITERAL
    for edit in definition.edits:
        assert "\n" not in edit.anchor, "an anchor is a short line: no code of Kubernetes beyond it"
        assert len(edit.anchor) <= 130


def test_our_own_definitions_cover_what_they_are_to_cover() -> None:
    assert {
        "parallel-inits", "app-does-not-wait", "failure-ignored", "seed-literal", "rerun-on-lost-record",
        "no-backoff", "initialized-lies", "sidecars-unordered-at-stop",
    } <= {d.id for d in OURS}  # fmt: skip
    assert sum(d.control for d in of_target(OURS, Target.KUBELET)) == 2
    assert sum(d.control for d in of_target(OURS, Target.API_SERVER)) == 1
    assert all(of_target(OURS, target) for target in Target), "each program has mutants"
    areas = {claim.partition(".")[0] for d in OURS for claim in d.claims}
    wanted = {"sidecars", "restart-rules", "termination", "ordering", "starting", "failure", "rerun", "updates"}
    assert wanted <= areas


def test_a_mutant_is_in_the_kubelet_unless_it_says_otherwise(tmp_path: Path) -> None:
    (kubelet,) = load(write(tmp_path, GOOD))
    assert kubelet.target is Target.KUBELET
    (scheduler,) = load(write(tmp_path, f"{GOOD}target: kube-scheduler\n"))
    assert of_target((kubelet, scheduler), Target.SCHEDULER) == (scheduler,)


def test_a_definition_is_read_whole(tmp_path: Path) -> None:
    (definition,) = load(write(tmp_path, GOOD))
    assert definition.applies_to(Version("1.37.2"))
    assert not definition.applies_to(Version("1.35.4"))
    assert definition.related(REGISTER) == {"failure.backoff.curve"}


@pytest.mark.parametrize(
    ("name", "least"),
    [("rerun", 5), ("rerun.records", 3), ("E12", 1), ("rerun.records.lost-while-running", 1)],
)
def test_claims_are_named_whole_by_their_beginning_or_by_the_catalogue(name: str, least: int) -> None:
    definition = OURS[0].model_copy(update={"claims": (name,)})
    found = definition.related(REGISTER)
    assert len(found) >= least
    assert found < {claim.id for claim in REGISTER.claims}


def test_a_claim_is_untried_until_a_mutant_is_to_be_noticed_by_it() -> None:
    mutant = OURS[0].model_copy(update={"claims": ("rerun",), "control": False})
    control = mutant.model_copy(update={"claims": ("failure",), "control": True})
    left = {claim.id for claim in untried([mutant, control], REGISTER)}
    judged = {claim.id for claim in REGISTER.claims if claim.gating and not claim.not_judged}
    assert left == judged - mutant.related(REGISTER), "a control proves nothing about a claim"
    assert not any(name.startswith("seed.") for name in left), "what only the seed says fails no run"


@pytest.mark.parametrize("name", ["rerun.record", "Z99", "reru", ""])
def test_a_claim_that_there_is_not_is_named(name: str) -> None:
    with pytest.raises(UsageError, match="names no claim"):
        OURS[0].model_copy(update={"claims": (name,)}).related(REGISTER)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: no-backoff", "id: No Backoff", "id: "),
        ("title:", "tilte:", "tilte"),
        ('">=1.36"', "newer", "no range of versions"),
        ("pkg/kubelet/kuberuntime/kuberuntime_manager.go", "../../etc/passwd.go", "a Go file by its path"),
        ("kuberuntime_manager.go", "manager_test.go", "a Go file by its path"),
        ("!$ACTIVE", "!inBackOff", "no replacement asks"),
        ("claims: [failure.backoff.curve]", "", "names none that must notice"),
        ("id: no-backoff", "id: no-backoff\ntarget: etcd", "target: "),
        ("edits:", "edits: []\nmore:", "edits"),
        ("id: no-backoff", "id: no-backoff\nid: twice", "twice in one mapping"),
    ],
)
def test_a_broken_definition_is_refused_by_file_and_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as caught:
        load(write(tmp_path, GOOD.replace(old, new)))
    assert "one.yaml" in str(caught.value)
    assert said in str(caught.value)


def test_two_files_cannot_define_one_mutant(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(UsageError, match=r"two\.yaml: mutant no-backoff is in .*one\.yaml already"):
        load(write(tmp_path, GOOD, "two.yaml"))


def test_a_folder_without_definitions_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no mutant definition in it"):
        load(tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        load(tmp_path / "away")


def test_a_mutant_that_there_is_not_is_named() -> None:
    assert chosen(OURS, ["seed-literal"]) == tuple(d for d in OURS if d.id == "seed-literal")
    assert chosen(OURS, []) == OURS
    with pytest.raises(UsageError, match="no mutant seed-litteral"):
        chosen(OURS, ["seed-litteral"])
