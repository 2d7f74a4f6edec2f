"""Weaving: anchors that fit, those that do not, and whose line is whose."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from podvow.errors import UsageError
from podvow.mutants.build import accused
from podvow.mutants.definition import Definition, Edit
from podvow.mutants.weave import VARIABLE, StaleAnchorError, groups, places, weave

SOURCE = """package calm

import (
	"fmt"
)

func first() int {
	n := 1
	return n
}

func second() int {
	n := 2
	return n
}

func Sum() string { return fmt.Sprint(first() + second()) }
"""
FILE = "pkg/calm/calm.go"


def read(file: str) -> str | None:
    return SOURCE if file == FILE else None


def mutant(name: str, anchor: str, replace: str, within: str = "", imports: tuple[str, ...] = ()) -> Definition:
    edit = Edit(file=FILE, anchor=anchor, replace=replace, within=within, imports=imports)
    return Definition(id=name, title="A bug.", edits=(edit,), claims=("rerun",))


ONE = mutant("one", "n := 1", "n := 1\n\tif $ACTIVE {\n\t\tn = 10\n\t}")
TWO = mutant(
    "two", "return n", "if $ACTIVE {\n\t\treturn len(os.Args) * 100\n\t}\n\treturn n", "func second", ("os",)
)


def test_an_anchor_that_stands_twice_is_stale_and_says_where() -> None:
    with pytest.raises(StaleAnchorError) as caught:
        places(mutant("three", "return n", "return $ACTIVE"), read, "v1.37.2")
    for told in ("three", "v1.37.2", FILE, "return n", "2 times"):
        assert told in str(caught.value)


def test_an_anchor_that_is_gone_is_stale_and_says_where() -> None:
    with pytest.raises(
        StaleAnchorError, match=r"mutant four, Kubernetes v1\.37\.2, pkg/calm/calm\.go.*'n := 3' is not"
    ):
        places(mutant("four", "n := 3", "$ACTIVE"), read, "v1.37.2")


def test_a_piece_ends_with_the_closing_brace() -> None:
    with pytest.raises(StaleAnchorError, match="within 'func first'"):
        places(mutant("five", "n := 2", "$ACTIVE", "func first"), read, "v1.37.2")
    with pytest.raises(StaleAnchorError, match="`within`"):
        places(mutant("six", "n := 2", "$ACTIVE", "func third"), read, "v1.37.2")


def test_a_file_that_this_version_does_not_have_is_stale() -> None:
    edit = Edit(file="pkg/gone.go", anchor="a", replace="$ACTIVE")
    with pytest.raises(StaleAnchorError, match=r"v1\.37\.2 has no file pkg/gone\.go"):
        places(Definition(id="seven", title="A bug.", edits=(edit,), claims=("rerun",)), read, "v1.37.2")


def test_what_is_woven_is_guarded_and_accounted_for() -> None:
    woven = weave([TWO, ONE], read, "v1.37.2")
    text = woven.files[FILE]
    assert 'if podvowMutant("one") {' in text
    assert 'if podvowMutant("two") {' in text
    assert '\t"os"\n' in text
    lines = text.splitlines()
    for owned in woven.owned:
        inside = "\n".join(lines[owned.first - 1 : owned.last])
        assert f'podvowMutant("{owned.mutant}")' in inside
    assert woven.files["pkg/calm/zz_podvow_mutant.go"].startswith("package calm\n")


def test_mutants_of_the_same_text_go_into_kubelets_of_their_own() -> None:
    other = mutant("other", "n := 1\n", "n := 1\n\t_ = $ACTIVE\n")
    assert [[d.id for d in group] for group in groups([ONE, other, TWO], read, "v1.37.2")] == [
        ["one", "two"],
        ["other"],
    ]
    with pytest.raises(UsageError, match="change the same text"):
        weave([ONE, other], read, "v1.37.2")


@pytest.mark.parametrize(
    "path", ["../copy/{file}", "/home/u/.cache/src/copy/{file}", "woven/pkg!calm!calm.go.0a1b2c3d.txt"]
)
def test_the_compiler_accuses_the_mutant_in_whose_lines_the_mistake_is(path: str) -> None:
    woven = weave([ONE, TWO], read, "v1.37.2")
    two = next(o for o in woven.owned if o.mutant == "two")
    output = f"# k8s.io/kubernetes/pkg/calm\n{path.format(file=FILE)}:{two.first + 1}:3: undefined: x\n"
    assert list(accused(output, woven.owned)) == ["two"]
    assert "undefined: x" in accused(output, woven.owned)["two"]
    assert accused(output.replace(f":{two.first + 1}:", ":1:"), woven.owned) == {}
    assert accused(output.replace("calm.go", "other.go"), woven.owned) == {}


@pytest.mark.skipif(not shutil.which("go"), reason="there is no Go here")
def test_what_is_woven_does_what_it_says_when_it_is_chosen_and_nothing_else(tmp_path: Path) -> None:
    woven = weave([ONE, TWO], read, "v1.37.2")
    (tmp_path / "go.mod").write_text("module calm\n\ngo 1.21\n")
    for name, text in woven.files.items():
        target = tmp_path / Path(name).name
        target.write_text(text.replace("package calm", "package main"))
    (tmp_path / "main.go").write_text("package main\n\nfunc main() { print(Sum()) }\n")
    program = tmp_path / "calm"
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=tmp_path, check=True, timeout=120)
    said = {
        name: subprocess.run([program], env={VARIABLE: name}, capture_output=True, check=True, timeout=10).stderr
        for name in ("", "one", "two", "unknown")
    }
    assert said == {"": b"3", "one": b"12", "two": b"101", "unknown": b"3"}
