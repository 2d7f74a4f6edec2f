"""Ways in which a file may be wrong: each makes damaged copies of a valid one, the same ones for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import yaml

Damage = Callable[[random.Random, bytes, str], bytes]
"""Takes a generator of chance, the valid file and its format (`yaml`, `json`, `jsonl`)."""

_WORDS = (
    "",
    "x",
    "null",
    "\u2028",
    "../../etc/passwd",
    "a" * 5000,
    "\x1b[2J",
    "\x00",
    "{{7*7}}",
    "-1",
    "v9.9",
    "é",
)
_NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**40, 0.5, -0.0, 1e308)


def value(chance: random.Random, depth: int = 0) -> Any:
    """Return a random JSON value."""
    kind = chance.randrange(7 if depth < 3 else 5)
    match kind:
        case 0:
            return None
        case 1:
            return chance.random() < 0.5
        case 2:
            return chance.choice(_NUMBERS)
        case 3 | 4:
            return chance.choice(_WORDS)
        case 5:
            return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
        case _:
            return {chance.choice(_WORDS)[:20]: value(chance, depth + 1) for _ in range(chance.randrange(4))}


def places(root: Any) -> list[tuple[Any, Any]]:
    """Return every place of a JSON value as (what holds it, key or index)."""
    found: list[tuple[Any, Any]] = []
    pending = [root]
    while pending:
        item = pending.pop()
        inner = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        for key, held in inner:
            found.append((item, key))
            pending.append(held)
    return found


def changed(chance: random.Random, root: Any) -> Any:
    """Return a JSON value with one node replaced, removed, renamed or doubled (in place)."""
    where = places(root)
    if not where:
        return value(chance)
    holder, key = chance.choice(where)
    match chance.randrange(8):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[chance.choice(_WORDS)[:30]] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.insert(key, holder[key])
        case 3:
            other, other_key = chance.choice(where)
            holder[key] = json.loads(json.dumps(other[other_key])) if _held(other, other_key) else None
        case _:
            holder[key] = value(chance)
    return root


def _held(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def parse(data: bytes, form: str) -> list[Any]:
    """Return the documents of a valid file (of JSON lines: the lines)."""
    if form == "yaml":
        return list(yaml.load_all(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    return [json.loads(line) for line in (data.splitlines() if form == "jsonl" else [data])]


def write(documents: list[Any], form: str) -> bytes:
    """Return documents as a file."""
    if form == "yaml":
        return yaml.dump_all(
            documents, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False
        ).encode()
    return "".join(json.dumps(d) + "\n" for d in documents).encode()


def truncated(chance: random.Random, data: bytes, form: str) -> bytes:  # noqa: ARG001 - of any format
    """Cut off anywhere."""
    return data[: chance.randrange(len(data))]


def bit_flips(chance: random.Random, data: bytes, form: str) -> bytes:  # noqa: ARG001 - of any format
    """One to three bits are wrong."""
    flipped = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def spliced(chance: random.Random, data: bytes, form: str) -> bytes:  # noqa: ARG001 - of any format
    """A stretch is missing, doubled, or replaced by noise."""
    begin = chance.randrange(len(data))
    end = min(len(data), begin + chance.randint(1, 400))
    noise = chance.choice((b"", data[begin:end] * 2, chance.randbytes(chance.randint(1, 60)), b"\n" * 9))
    return data[:begin] + noise + data[end:]


def encoded(chance: random.Random, data: bytes, form: str) -> bytes:  # noqa: ARG001 - of any format
    """Not UTF-8, or with marks and characters that text files do not have."""
    place = chance.randrange(len(data))
    match chance.randrange(7):
        case 0:
            return data.decode().encode("utf-16")
        case 1:
            return b"\xef\xbb\xbf" + data
        case 2:
            return data.decode().encode("utf-32-be")
        case 3:
            return data.replace(b"\n", b"\r\n")
        case _:
            odd = chance.choice(
                (b"\xff", b"\x00", b"\xc3", b"\xed\xa0\x80", b"\x85", b"\xe2\x80\xa8", b"\x1b]0;x\x07")
            )
            return data[:place] + odd + data[place:]


def huge(chance: random.Random, data: bytes, form: str) -> bytes:
    """Very long, in lines, keys or repetition."""
    many = chance.choice((2_000, 60_000, 400_000))
    match chance.randrange(6):
        case 0:
            return data * (5_000_000 // len(data) + 1)
        case 1:
            return data + b"a" * (many * 20)
        case 2 if form == "yaml":
            return b"a:\n" + b"- b\n" * many
        case 2 | 3:
            return b"[" + b"1," * many + b"1]\n"
        case 4:
            return b"{" + b",".join(b'"k%d": %d' % (n, n) for n in range(many // 4)) + b"}\n"
        case _:
            return data + b"\n" * many


def deep(chance: random.Random, data: bytes, form: str) -> bytes:
    """Nested beyond all reason."""
    levels = chance.choice((70, 300, 5_000, 100_000))
    shapes = [b"[" * levels, b"[" * levels + b"]" * levels, b'{"a":' * levels + b"1" + b"}" * levels]
    if form == "yaml":
        shapes += [b"- " * levels, b"? " * levels, b"[" * levels + b"*a", b"{a: " * levels]
        shapes += [b"".join(b" " * n + b"a:\n" for n in range(min(levels, 2000)))]
    made = chance.choice(shapes)
    if form == "jsonl" and chance.random() < 0.5:
        return data.partition(b"\n")[0] + b"\n" + made + b"\n"
    return made


def other_schema(chance: random.Random, data: bytes, form: str) -> bytes:
    """Of another podvow."""
    documents = parse(data, form)
    first = documents[0]
    if not isinstance(first, dict):
        return write([value(chance)], form)
    key = "schema" if "schema" in first or form != "yaml" else "apiVersion"
    if chance.random() < 0.15:
        first.pop(key, None)
    else:
        first[key] = chance.choice((0, 2, 999, -1, "1", True, None, 1.5, [1], {"v": 1}, "podvow/v2"))
    return write(documents, form)


def wrong_types(chance: random.Random, data: bytes, form: str) -> bytes:
    """One node is another value, somewhere."""
    documents = parse(data, form)
    number = chance.randrange(len(documents))
    documents[number] = changed(chance, documents[number])
    return write(documents, form)


def twice_wrong(chance: random.Random, data: bytes, form: str) -> bytes:
    """Several nodes are other values."""
    documents = parse(data, form)
    for _ in range(chance.randint(2, 6)):
        number = chance.randrange(len(documents))
        documents[number] = changed(chance, documents[number])
    return write(documents, form)


_BOMB = b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b", ".join([b"*%c" % (n - 1)] * 10)) for n in range(ord("b"), ord("k"))
)
_MERGE_BOMB = b"a: &a {k: v}\n" + b"".join(
    b"%c: &%c {<<: [%s]}\n" % (n, n, b", ".join([b"*%c" % (n - 1)] * 10)) for n in range(ord("b"), ord("k"))
)
CANARY = "executed"
"""File that appears in the working folder when a reader executes what it reads."""
HOSTILE_YAML: tuple[bytes, ...] = (
    b'!!python/object/apply:os.system ["touch executed"]\n',
    b"a: !!python/object/new:subprocess.Popen [[touch, executed]]\n",
    b"a: !!python/name:os.system\n",
    b"a: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [executed]]\n",
    b"!!python/module:os\n",
    b"a: !!python/tuple [1, 2]\n",
    b"a: !!binary aGVsbG8=\n",
    b"a: !!set {x, y}\n",
    b"a: !!omap [x: 1]\n",
    b"a: !!timestamp 2001-01-01\n",
    b"a: !!int abc\n",
    b"a: !!float x\n",
    b"a: !!bool maybe\n",
    b"!!map [1]\n",
    b"!!seq {a: 1}\n",
    b"a: !private {x: 1}\n",
    b"%TAG ! tag:yaml.org,2002:python/\n---\na: !name:os.system x\n",
    b"%YAML 9.9\n---\na: 1\n",
    _BOMB,
    _MERGE_BOMB,
    b"a: &a [*a]\n",
    b"&a a: *a\n",
    b"a: *nobody\n",
    b"a: &a\n  <<: *a\n",
    b"<<: 7\n",
    b"<<: [1, {a: b}]\n",
    b"a: 1\na: 2\n",
    b"{1: a, null: b, true: c, [x]: d, {y: z}: e}\n",
    b"? [a, b]\n: c\n",
    b"a: .inf\nb: -.inf\nc: .nan\n",
    b"a: 0b101\nb: 0o17\nc: 0x1F\nd: 017\ne: 1_000\nf: 190:20:30\n",
    b"a: 2001-12-14t21:59:43.10-05:00\nb: 99999-99-99\n",
    b"a: " + b"9" * 6000 + b"\n",
    b'a: "\\ud800"\n',
    b'a: "\\x1b[2J"\n',
    b"--- a\n--- b\n--- c\n",
    b"---\n" * 5000,
    b"a: |9\n x\n",
    b"a:\t1\n",
    b"&" + b"a" * 3000 + b" x: 1\n",
    b"a: [" + b"&a x, *a, " * 5000 + b"]\n",
    b'"' + b"\\U0010ffff" * 3000 + b'": 1\n',
)


def hostile_yaml(chance: random.Random, data: bytes, form: str) -> bytes:  # noqa: ARG001 - YAML only
    """Tags, aliases, merge keys, double keys, alone or inside of the valid file."""
    bad = chance.choice(HOSTILE_YAML)
    match chance.randrange(4):
        case 0 | 1:
            return bad
        case 2:
            return data + b"\n" + bad
        case _:
            lines = data.splitlines(keepends=True)
            place = chance.randrange(len(lines))
            line = lines[place]
            head, colon, rest = line.partition(b": ")
            tag = chance.choice(
                (b"!!python/name:os.system ", b"&a ", b"*a ", b"!!binary ", b"!x ", b"!!set ", b"!!str ")
            )
            lines[place] = head + colon + tag + rest if colon else b"<<: *a\n" + line
            return b"".join(lines)


_HOSTILE_JSON = (
    b"NaN",
    b'{"a": Infinity}',
    b'{"a": 1e999}',
    b'{"schema": 1, "schema": 1}',
    b'{"__proto__": {"x": 1}, "constructor": 1}',
    b'{"a": "\\ud800"}',
    b'{"a": ' + b"9" * 6000 + b"}",
    b"'a'",
    b"{a: 1}",
    b'{"a": 1,}',
    b'// comment\n{"a": 1}',
    b'{"a": "\t"}',
    b"\x00",
    b" " * 5000,
    b"true",
    b'"text"',
    b"[]",
    b"{}",
)


def hostile_json(chance: random.Random, data: bytes, form: str) -> bytes:
    """What some readers of JSON take and others do not, alone or as a part of the valid file."""
    bad = chance.choice(_HOSTILE_JSON)
    lines = data.splitlines(keepends=True)
    match chance.randrange(3):
        case 0:
            return bad + b"\n"
        case 1 if form == "jsonl":
            lines.insert(chance.randint(1, len(lines)), bad + b"\n")
            return b"".join(lines)
        case _:
            place = data.find(b":", chance.randrange(len(data)))
            return data[: place + 1] + bad + b"," + data[place + 1 :] if place >= 0 else bad


KINDS: dict[str, Damage] = {
    "truncated": truncated,
    "bit flips": bit_flips,
    "spliced": spliced,
    "encoding": encoded,
    "huge": huge,
    "deep": deep,
    "schema": other_schema,
    "wrong type": wrong_types,
    "several wrong": twice_wrong,
    "hostile": hostile_json,
}


def kinds_for(form: str) -> Iterator[tuple[str, Damage]]:
    """Yield the kinds of damage that a format can take."""
    for name, damage in KINDS.items():
        yield name, hostile_yaml if name == "hostile" and form == "yaml" else damage
