from __future__ import annotations

from pathlib import Path

import pytest

from podvow.errors import UsageError
from podvow.upgrade.fate import Kind
from podvow.upgrade.rules import FILE, load


def test_the_houses_rules_name_their_sources_and_promise_something_for_every_fate() -> None:
    rules = load()
    assert {promise.fate for promise in rules.promises} == set(Kind)
    told = [(each.says, each.source) for each in rules.rules] + [
        (each.says, each.source) for each in rules.promises
    ]
    assert all(says.endswith(".") and source for says, source in told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("fate: [drained]", "fate: [vanished]", "fate"),
        ('before: "<1.31"', 'before: "older"', "before"),
        ("allows: [gone]", "allows: []", "allows"),
        ("id: drained-is-replaced", "id: drained-alone-is-gone", "twice"),
        ("  - fate: rebooted\n", "  - fate: drained\n", "promises nothing for rebooted"),
        ("silence_s: 60", "silence_s: 0", "silence_s"),
    ],
)
def test_broken_rules_are_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "rules.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        load(path)
