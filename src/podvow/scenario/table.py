"""Tables of requests: what is sent to the API server case by case, and which answer is expected.

A table is a YAML file below `fixtures/requests/`; docs/requests.md tells its keys. Nothing is sent here.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from podvow import yamlfile
from podvow.errors import UsageError
from podvow.paths import FIXTURES
from podvow.scenario.fieldpath import drop, put, swap, value_at
from podvow.shapes import MAP_OF_TEXT, wrong

Raw = dict[str, Any]
FOLDER = FIXTURES / "requests"
_BASES = "bases"
_SPEC_AT = {"Pod": "spec", "PodTemplate": "template.spec", "CronJob": "spec.jobTemplate.spec.template.spec"}
_TEMPLATE_AT = "spec.template.spec"
_WORKLOADS = ("ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
_TEMPLATES = ("PodTemplate", "ReplicationController", *_WORKLOADS)
_SHORT = {"pod": "spec", "init": "spec.initContainers[0]", "app": "spec.containers[0]"}
_ANSWERS = ("accepted", "ignored", "causes", "forbidden", "malformed")
_OWN = {"set", "drop", "swap", "in", "live", "subresource", "prefix", "shows", "by_version", *_ANSWERS}


_ANSWER = {
    "accepted": bool,
    "shows": {},
    "ignored": [str],
    "malformed": str,
    "causes": [str],
    "forbidden": str,
    "prefix": str,
}
_CASE = {
    **_ANSWER,
    **{key: {} for key in ("set", *_SHORT)},
    "drop": [str],
    "swap": [str],
    "in": (frozenset({"templates"}), [str]),
    "live": str,
    "subresource": str,
    "by_version": {...: _ANSWER},
}
_OBJECT_SHAPE = {"kind!": str, "apiVersion!": str, "metadata!": {"name!": str, "labels": MAP_OF_TEXT}}
_SHAPE = {
    "cases!": {...: (_CASE, None)},
    "defaults": _CASE,
    "objects": [_OBJECT_SHAPE],
    "awaits": {"case!": str, "says!": str},
    "namespace": {"labels": MAP_OF_TEXT},
}
_BASES_SHAPE = {"bases!": {...: _OBJECT_SHAPE}}


@dataclass(frozen=True)
class Case:
    """One request and the answers that it is expected to get.

    Attributes:
        id: table and name, unique and stable.
        base: the manifest that is edited; for an update the live object of this name.
        on: name of the live object that is updated, "" when the request creates one.
        subresource: what of the live object is updated, "" for the object itself.
        sets: values by path, e.g. `spec.initContainers[0].image`.
        drops: paths that are removed.
        swaps: lists whose first two items change places.
        expected: by range of server versions what `podvow.expect.answered` takes; the first that matches counts.
    """

    id: str
    base: Raw = field(repr=False)
    on: str = ""
    subresource: str = ""
    sets: Mapping[str, Any] = field(default_factory=dict)
    drops: Sequence[str] = ()
    swaps: Sequence[str] = ()
    expected: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The id without its table."""
        return self.id.partition("/")[2]

    def edited(self, target: Raw) -> Raw:
        """Return a copy of an object with this case's edits.

        Raises:
            UsageError: the object has no such place.
        """
        made = copy.deepcopy(target)
        path = ""
        try:
            for path in self.swaps:
                swap(made, path)
            for path, value in self.sets.items():
                put(made, path, copy.deepcopy(value))
            for path in self.drops:
                drop(made, path)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise UsageError(f"{self.id}: there is nothing to edit at {path!r}") from error
        return made


@dataclass(frozen=True)
class Table:
    """A table of requests.

    Attributes:
        name: its file's name without `.yaml`.
        cases: in file order.
        labels: labels that the namespace gets before anything is sent.
        objects: what is created for real before the cases are sent, in order.
        awaits: id of a case that is sent until the refusal says `says`: admission learns of labels and limits late.
        says: text of that refusal.
    """

    name: str
    cases: tuple[Case, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    objects: Sequence[Raw] = ()
    awaits: str = ""
    says: str = ""


def shown(case: Case, answer: Raw) -> Raw:
    """Return what the server's answer has at the paths that some expected answer is about."""
    return {path: value_at(answer, path) for told in case.expected.values() for path in told.get("shown", ())}


def dropped(case: Case, answer: Raw) -> list[str]:
    """Return the paths that were sent with a value and that the server's answer does not have that way."""
    return [path for path, value in case.sets.items() if not _within(value, value_at(answer, path))]


def _within(sent: Any, found: Any) -> bool:
    if isinstance(sent, Mapping):
        return all(_within(value, (found or {}).get(key)) for key, value in sent.items())
    if isinstance(sent, list):
        return len(sent) == len(found or ()) and all(map(_within, sent, found or ()))
    return bool(not sent and not found) or bool(sent == found)


def _read(path: Path, shape: Mapping[str, Any]) -> Raw:
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise UsageError(f"no table of requests {path.stem!r}", hint=f"there are: {names}")
    content: Raw = yamlfile.load(path, what="table")
    if not isinstance(content, dict):
        raise UsageError(f"broken table {path}: no mapping")
    if problem := wrong(content, shape, "it"):
        raise UsageError(f"broken table {path}: {problem}")
    return content


@cache
def _bases() -> Mapping[str, Raw]:
    bases: Mapping[str, Raw] = _read(FOLDER / f"{_BASES}.yaml", _BASES_SHAPE)["bases"]
    return bases


def _placed(path: str, at: str) -> str:
    """Put the path of a Pod's field where the object has it; one that begins with a dot is the object's own."""
    return path[1:] if path.startswith(".") else re.sub(r"^spec(?=[.\[])", at, path)


def _answer(case: str, raw: Mapping[str, Any], target: Raw, at: str) -> Raw:
    """Bring an expected answer into one form."""
    told = [key for key in _ANSWERS if key in raw]
    if len(told) != 1:
        raise UsageError(f"{case}: say by_version or one of {', '.join(_ANSWERS)}; found {told}")
    if "accepted" in raw:
        return {"status": 200, "shown": raw.get("shows", {})}
    if "ignored" in raw:
        return {"status": 200, "dropped": raw["ignored"]}
    if "malformed" in raw:
        return {"status": 400, "message": raw["malformed"]}
    if "causes" in raw:
        causes = [_placed(cause, at) for cause in raw["causes"]]
        return {"status": 422, "causes": causes}
    what = f'{target["kind"].lower()}s "{target["metadata"]["name"]}" is forbidden: '
    return {"status": 403, "message": f"{what}{raw.get('prefix', '')}{raw['forbidden']}"}


def _case(table: str, name: str, raw: Raw, target: Raw, *, live: bool) -> Case:
    known = f"{table}/{name}"
    unknown = set(raw) - _OWN - set(_SHORT)
    if unknown:
        raise UsageError(f"{known}: unknown keys {', '.join(sorted(unknown))}")
    at = _SPEC_AT.get(target["kind"], _TEMPLATE_AT)
    sets = {f"{place}.{key}": value for short, place in _SHORT.items() for key, value in raw.get(short, {}).items()}
    sets |= raw.get("set", {})
    answers = {">=0": raw}
    if "by_version" in raw:
        answers = raw["by_version"]
        if told := [key for key in _ANSWERS if key in raw]:
            raise UsageError(f"{known}: says {', '.join(told)} beside by_version")
    try:
        expected = {
            str(SpecifierSet(versions)): _answer(known, {"prefix": raw.get("prefix", ""), **answer}, target, at)
            for versions, answer in answers.items()
        }
    except InvalidSpecifier as error:
        raise UsageError(f"{known}: {error}") from error
    return Case(
        id=known,
        base=target,
        on=target["metadata"]["name"] if live else "",
        subresource=raw.get("subresource", ""),
        sets={_placed(path, at): value for path, value in sets.items()},
        drops=tuple(_placed(path, at) for path in raw.get("drop", ())),
        swaps=tuple(_placed(path, at) for path in raw.get("swap", ())),
        expected=expected,
    )


def _cases(table: str, content: Raw, bases: Mapping[str, Raw], live: Mapping[str, Raw]) -> Iterator[Case]:
    for name, own in content["cases"].items():
        raw = {**content.get("defaults", {}), **(own or {})}
        if "live" in raw:
            yield _case(table, name, raw, _pick(f"{table}/{name}", live, raw["live"]), live=True)
            continue
        for base in _TEMPLATES if raw.get("in") == "templates" else raw.get("in", ["Pod"]):
            target = _pick(f"{table}/{name}", bases, base)
            full = name if target["kind"] == "Pod" else f"{name}-{base}"
            yield _case(table, full, raw, target, live=False)


def _pick(case: str, known: Mapping[str, Raw], name: str) -> Raw:
    if name not in known:
        raise UsageError(f"{case}: no manifest {name!r}", hint=f"there are: {', '.join(known)}")
    return known[name]


@cache
def load_table(name: str) -> Table:
    """Read a table by its name.

    Raises:
        UsageError: it is missing or broken; the case is named.
    """
    return read_table(FOLDER / f"{name}.yaml")


def read_table(path: Path) -> Table:
    """Read a table.

    Args:
        path: a YAML file; its name without `.yaml` is the table's.

    Raises:
        UsageError: it is missing or broken; the case is named.
    """
    name, content, bases = path.stem, _read(path, _SHAPE), _bases()
    objects = content.get("objects", [])
    cases = tuple(_cases(name, content, bases, {o["metadata"]["name"]: o for o in objects}))
    awaits = content.get("awaits") or {}
    awaited = f"{name}/{awaits['case']}" if awaits else ""
    if awaited and awaited not in {case.id for case in cases}:
        raise UsageError(f"{name}: awaits {awaited!r}, which is no case")
    labels = (content.get("namespace") or {}).get("labels") or {}
    return Table(name, cases, labels, objects, awaited, awaits.get("says", ""))


def cases_of(*names: str) -> list[Case]:
    """Return the cases of some tables in order, for a test's parameters.

    Raises:
        UsageError: a table is missing or broken.
    """
    return [case for name in names for case in load_table(name).cases]
