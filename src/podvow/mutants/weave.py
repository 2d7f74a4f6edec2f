"""Puts mutants into source text: finds anchors, replaces them, keeps account of whose line is whose. Pure."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from podvow.errors import UsageError
from podvow.mutants.definition import ACTIVE, HELPER, Definition, Edit

VARIABLE = "PODVOW_MUTANT"
"""The environment variable that chooses; without it the program is the one that Kubernetes made."""
SEPARATOR = ","
"""Stands between mutants that are chosen together."""
_HELPER_FILE = "zz_podvow_mutant.go"
_PACKAGE = re.compile(r"^package (\w+)$", re.MULTILINE)
_IMPORTS = re.compile(r"^import \($", re.MULTILINE)
_END = re.compile(r"^\}", re.MULTILINE)

Read = Callable[[str], str | None]
"""Gives the text of a file of the module; None when there is none."""


class StaleAnchorError(UsageError):
    """An anchor does not stand in this version's file exactly once."""


@dataclass(frozen=True)
class Owned:
    """Lines of a woven file that a mutant brought.

    Attributes:
        mutant: its id.
        file: the file, by its path in the module.
        first: its first line, counted from 1.
        last: its last line.
    """

    mutant: str
    file: str
    first: int
    last: int


@dataclass(frozen=True)
class Woven:
    """Files that take the place of the module's.

    Attributes:
        files: path in the module → text.
        owned: whose lines are where.
    """

    files: Mapping[str, str]
    owned: tuple[Owned, ...]


@dataclass(frozen=True)
class _Place:
    """Where an edit goes: the text from `start` up to `end` is replaced."""

    start: int
    end: int
    text: str
    mutant: str = ""


def places(definition: Definition, read: Read, version: str) -> dict[str, list[tuple[int, int]]]:
    """Return by file what a mutant replaces there.

    Args:
        definition: the mutant.
        read: gives the module's files.
        version: of the module, for the error message.

    Raises:
        StaleAnchorError: an anchor does not fit this version.
    """
    found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for edit in definition.edits:
        found[edit.file].append(_find(definition, edit, _text(definition, edit, read, version), version))
    return dict(found)


def groups(definitions: Sequence[Definition], read: Read, version: str) -> list[list[Definition]]:
    """Sort mutants into as few programs as it takes: two that change the same text cannot be in one.

    Raises:
        StaleAnchorError: an anchor does not fit this version.
    """
    sorted_: list[tuple[list[Definition], defaultdict[str, list[tuple[int, int]]]]] = []
    for definition in definitions:
        own = places(definition, read, version)
        fitting = [group for group in sorted_ if not _clash(own, group[1])]
        if not fitting:
            fitting = [([], defaultdict(list))]
            sorted_ += fitting
        members, taken = fitting[0]
        members.append(definition)
        for file, spans in own.items():
            taken[file] += spans
    return [members for members, _ in sorted_]


def weave(definitions: Sequence[Definition], read: Read, version: str) -> Woven:
    """Put mutants of one group into the module's files.

    Raises:
        StaleAnchorError: an anchor does not fit this version.
        UsageError: two of them change the same text, or a file has no block of imports to add to.
    """
    by_file: defaultdict[str, list[_Place]] = defaultdict(list)
    imports: defaultdict[str, dict[str, None]] = defaultdict(dict)
    texts: dict[str, str] = {}
    for definition in definitions:
        for edit in definition.edits:
            text = texts.setdefault(edit.file, _text(definition, edit, read, version))
            start, end = _find(definition, edit, text, version)
            by_file[edit.file].append(_Place(start, end, guarded(edit.replace, definition.id), definition.id))
            imports[edit.file].update(dict.fromkeys(edit.imports))
    files: dict[str, str] = {}
    owned: list[Owned] = []
    for file, edits in by_file.items():
        more = _imported(file, texts[file], imports[file])
        files[file], lines = _applied(file, texts[file], [*edits, *more])
        owned += lines
        folder = PurePosixPath(file).parent
        files[str(folder / _HELPER_FILE)] = helper(_package(file, texts[file]))
    return Woven(files, tuple(owned))


def guarded(replacement: str, mutant: str) -> str:
    """Return a replacement with the question whether the mutant is chosen in place of its mark."""
    return replacement.replace(ACTIVE, f"{HELPER}({json.dumps(mutant)})")


def helper(package: str) -> str:
    """Return the file that each changed package gets: which mutants are chosen, read once."""
    return (
        f'package {package}\n\nimport (\n\t"os"\n\t"slices"\n\t"strings"\n)\n\n'
        f'var podvowChosen = strings.Split(os.Getenv("{VARIABLE}"), "{SEPARATOR}")\n\n'
        f"func {HELPER}(id string) bool {{ return slices.Contains(podvowChosen, id) }}\n"
    )


def _text(definition: Definition, edit: Edit, read: Read, version: str) -> str:
    text = read(edit.file)
    if text is None:
        raise StaleAnchorError(
            f"mutant {definition.id}: Kubernetes {version} has no file {edit.file}",
            hint="say in `versions` which it is for",
        )
    return text


def _find(definition: Definition, edit: Edit, text: str, version: str) -> tuple[int, int]:
    low, high = 0, len(text)
    who = f"mutant {definition.id}, Kubernetes {version}, {edit.file}"
    if edit.within:
        low = _once(edit.within, text, (0, high), f"{who}: `within`")
        end = _END.search(text, low)
        high = end.start() if end else high
        who = f"{who}, within {edit.within!r}"
    start = _once(edit.anchor, text, (low, high), f"{who}: the anchor")
    return start, start + len(edit.anchor)


def _once(wanted: str, text: str, span: tuple[int, int], who: str) -> int:
    count = text.count(wanted, *span)
    if count != 1:
        told = "is not there" if not count else f"is there {count} times"
        raise StaleAnchorError(
            f"{who} {wanted!r} {told}",
            hint="an anchor stands there exactly once; `within` narrows where it is looked for",
        )
    return text.index(wanted, *span)


def _clash(own: Mapping[str, list[tuple[int, int]]], taken: Mapping[str, list[tuple[int, int]]]) -> bool:
    return any(a < d and c < b for file, spans in own.items() for a, b in spans for c, d in taken.get(file, ()))


def _package(file: str, text: str) -> str:
    found = _PACKAGE.search(text)
    if not found:
        raise UsageError(f"{file}: no package clause")
    return found[1]


def _imported(file: str, text: str, wanted: Mapping[str, None]) -> list[_Place]:
    lines = []
    for each in wanted:
        name, _, path = each.rpartition(" ")
        line = f'\t{name} "{path}"' if name else f'\t"{path}"'
        if f"{line}\n" not in text:
            lines.append(line)
    if not lines:
        return []
    block = _IMPORTS.search(text)
    if not block:
        raise UsageError(f"{file}: no block of imports to add {', '.join(wanted)} to")
    return [_Place(block.end(), block.end(), "\n" + "\n".join(lines))]


def _applied(file: str, text: str, edits: Sequence[_Place]) -> tuple[str, list[Owned]]:
    done, at, line = [], 0, 1
    owned: list[Owned] = []
    for place in sorted(edits, key=lambda e: (e.start, e.end)):
        if place.start < at:
            raise UsageError(f"{file}: two mutants of one program change the same text ({place.mutant})")
        before = text[at : place.start]
        line += before.count("\n")
        last = line + place.text.count("\n")
        if place.mutant:
            owned.append(Owned(place.mutant, file, line, last))
        done += [before, place.text]
        at, line = place.end, last
    return "".join([*done, text[at:]]), owned
