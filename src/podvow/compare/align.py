"""Finds the first transition in which two stories differ: lane by lane, cause by cause."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from podvow.compare.model import Difference, Seen, Sure
from podvow.compare.story import Lane, PodStory, Section, Story, Transition, Trust

_WORD = re.compile(r"[\w.-]+")
_STRADDLE_S = 1.0
"""What happens this close to a fault on both sides may fall on either side of it: the two raced."""
_CUT_S = 2.0
"""What comes this close to the end of the other side's stretch may only have been cut off there."""
_JITTER = 1.5
"""Two waits of one kind may differ by half: the kubelet draws its back-off so."""


def first_difference(before: Story, after: Story, told: str = "") -> Difference | None:
    """Return the first transition that differs: witnessed ones before published ones, then in the order of causes.

    Args:
        before: the one side.
        after: the other side.
        told: what the expectations say whose outcome changed. Of published states only those count that are named
            there: two runs of one version publish different ones more often than not. Empty: all count.
    """
    words = set(_WORD.findall(told.lower()))
    found = [item for item in _differences(before, after) if _tells(item[1], words)]
    return min(found, key=lambda item: item[0])[1] if found else None


_Ranked = tuple[tuple[int, int, float], Difference]
"""A difference, with what it rests on, the number of its cause, and seconds since that."""


def _tells(difference: Difference, words: Collection[str]) -> bool:
    """Tell whether a difference can explain why expectations with these words turned."""
    # `condition Ready`, `status of init-1`, `phase`: the name is the last word
    name = difference.subject.partition(" of Pod ")[0].split()[-1].lower()
    return not words or difference.sure not in {Sure.STATUS, Sure.MERGED} or name in words


def _differences(before: Story, after: Story) -> Iterator[_Ranked]:
    pair = _Pair(before.sections, after.sections)
    yield from pair.lanes(before.lanes.values(), after.lanes.values(), "")
    for group in dict.fromkeys((*before.pods, *after.pods)):
        ours, theirs = before.pods.get(group, ()), after.pods.get(group, ())
        many = max(len(ours), len(theirs)) > 1
        for n, (one, other) in enumerate(_matched(ours, theirs), start=1):
            name = f"Pod {n} of {group}" if many else group
            if one and other:
                yield from pair.lanes(one.lanes.values(), other.lanes.values(), name if many else "")
            else:
                born = Transition(f"{name} appeared", f"{name} appeared", 0, 0.0, 0)
                lane = [Lane(name, Trust.WITNESSED, (_named(born, p),) if p else ()) for p in (one, other)]
                yield from pair.lane(lane[0], lane[1], name)


def _named(words: Transition, pod: PodStory) -> Transition:
    return Transition(words.what, words.shown, pod.born.section, pod.born.at_s, pod.born.at_ns)


def _matched(
    ours: Sequence[PodStory], theirs: Sequence[PodStory]
) -> Iterator[tuple[PodStory | None, PodStory | None]]:
    """Pair the Pods of a workload: equal stories first, since its Pods are born in no order; the rest by birth."""
    left = list(theirs)
    rest = []
    for one in ours:
        same = next((other for other in left if _plot(other) == _plot(one)), None)
        if same is None:
            rest.append(one)
        else:
            left.remove(same)
            yield one, same
    yield from zip_longest(rest, left)


def _plot(pod: PodStory) -> frozenset[tuple[str, tuple[tuple[int, str], ...]]]:
    return frozenset(
        (lane.subject, tuple((t.section, t.what) for t in lane.transitions))
        for lane in pod.lanes.values()
        if lane.trust is Trust.WITNESSED
    )


class _Pair:
    """Compares lanes of two timelines."""

    def __init__(self, before: Sequence[Section], after: Sequence[Section]) -> None:
        self.before, self.after = before, after

    def lanes(self, before: Iterable[Lane], after: Iterable[Lane], pod: str) -> Iterator[_Ranked]:
        ours, theirs = {lane.subject: lane for lane in before}, {lane.subject: lane for lane in after}
        for subject in dict.fromkeys((*ours, *theirs)):
            trust = (ours.get(subject) or theirs[subject]).trust
            none = Lane(subject, trust, ())
            about = f"{subject} of {pod}" if pod else subject
            yield from self.lane(ours.get(subject, none), theirs.get(subject, none), about)

    def lane(self, before: Lane, after: Lane, about: str) -> Iterator[_Ranked]:
        if [t.what for t in before.transitions] == [t.what for t in after.transitions] and (
            before.trust is Trust.STATUS
        ):
            return
        compare = self._witnessed if before.trust is Trust.WITNESSED else self._published
        if (found := compare(before.transitions, after.transitions)) is not None:
            one, other, sure = found
            yield self._told(one, other, sure, about)

    def _witnessed(
        self, before: Sequence[Transition], after: Sequence[Transition]
    ) -> tuple[Transition | None, Transition | None, Sure] | None:
        sections = max(len(self.before), len(self.after))
        ours, theirs = _sections(before, sections), _sections(after, sections)
        for n in range(sections):
            if n + 1 < sections:
                _settle(ours, theirs, n, self.before)
                _settle(theirs, ours, n, self.after)
            one, other = _first(ours[n], theirs[n])
            if one is other is None:
                continue
            if one and other:
                return one, other, Sure.WITNESSED
            lacking = self.after if one else self.before
            if n >= len(lacking):
                continue  # it never came to this cause, which is a difference of its own
            stretches = _stretch(self.before, n, n), _stretch(self.after, n, n)
            if _cut(one or other, (ours[n], theirs[n]), stretches):
                continue
            return one, other, Sure.GAP if lacking[n].gap else Sure.WITNESSED
        return None

    def _published(
        self, before: Sequence[Transition], after: Sequence[Transition]
    ) -> tuple[Transition | None, Transition | None, Sure] | None:
        """Compare states that the kubelet may have merged: what only lacks some is the weakest of differences."""
        one, other = _first(before, after)
        stretches = _stretch(self.before, 0, -1), _stretch(self.after, 0, -1)
        if not (one and other) and _cut(one or other, (before, after), stretches):
            return None
        merged = _within(before, after) or _within(after, before)
        return one, other, Sure.MERGED if merged else Sure.STATUS

    def _told(self, one: Transition | None, other: Transition | None, sure: Sure, about: str) -> _Ranked:
        at = min((t.section, t.at_s) for t in (one, other) if t)
        section = at[0]
        ours, theirs = (s[min(section, len(s) - 1)] for s in (self.before, self.after))
        cause = (self.before if section < len(self.before) else self.after)[section].cause
        difference = Difference(
            about, cause, _seen(one), _seen(other), _rest(ours, self.before), _rest(theirs, self.after), sure
        )
        return (tuple(Sure).index(sure), *at), difference


def _stretch(sections: Sequence[Section], first: int, last: int) -> tuple[int, int]:
    """Return begin and end of some sections, nanoseconds since the epoch; nothing of those that never came."""
    if first >= len(sections):
        return 0, 0
    return sections[first].begin_ns, sections[last].begin_ns + int(sections[last].length_s * 1e9)


def _cut(
    extra: Transition | None,
    sides: tuple[Sequence[Transition], Sequence[Transition]],
    stretches: tuple[tuple[int, int], tuple[int, int]],
) -> bool:
    """Tell whether the side that lacks a transition ended before it could be seen there.

    Time is told from the transition before it, or from the cause when there is none: a side that came there later
    (a longer back-off, a slower node) needs more time for what follows, too.

    Args:
        extra: what only one side has.
        sides: what was compared.
        stretches: begin and end of it on both sides, nanoseconds since the epoch.
    """
    has = 0 if extra in sides[0] else 1
    mine, lacking = sides[has], sides[1 - has]
    if extra is None or mine.index(extra) != len(lacking):
        return False  # more followed where it is missing: that side was still watching
    since = mine[len(lacking) - 1].at_ns if lacking else stretches[has][0]
    begin, end = stretches[1 - has]
    left_s = (end - (lacking[-1].at_ns if lacking else begin)) / 1e9
    return left_s <= _JITTER * (extra.at_ns - since) / 1e9 + _CUT_S


def _rest(section: Section, sections: Sequence[Section]) -> float:
    """Return how long a timeline goes on after a cause."""
    last = sections[-1]
    return (last.begin_ns - section.begin_ns) / 1e9 + last.length_s


def _seen(transition: Transition | None) -> Seen | None:
    return Seen(transition.shown, transition.at_s, transition.at_ns) if transition else None


def _sections(transitions: Sequence[Transition], count: int) -> list[list[Transition]]:
    found: list[list[Transition]] = [[] for _ in range(count)]
    section = 0
    for transition in transitions:
        section = max(section, transition.section)  # a source never reorders, whatever its stamps say
        found[section].append(transition)
    return found


def _settle(
    longer: list[list[Transition]], shorter: list[list[Transition]], n: int, sections: Sequence[Section]
) -> None:
    """Bring what raced a fault to the same side of it: before it here, just after it there."""
    here, there, following = longer[n], shorter[n], shorter[n + 1]
    while len(here) > len(there) and following and n < len(sections):
        raced = here[len(there)]
        near = sections[n].length_s - raced.at_s <= _STRADDLE_S and following[0].at_s <= _STRADDLE_S
        if raced.what != following[0].what or not near:
            return
        there.append(following.pop(0))


def _first(
    before: Sequence[Transition], after: Sequence[Transition]
) -> tuple[Transition | None, Transition | None]:
    """Return the first transitions that do not fit; None on a side that only lacks the other's."""
    words = [t.what for t in before], [t.what for t in after]
    for what, a0, a1, b0, b1 in SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        if what != "equal":
            return before[a0] if a1 > a0 else None, after[b0] if b1 > b0 else None
    return None, None


def _within(part: Sequence[Transition], whole: Sequence[Transition]) -> bool:
    """Tell whether one lane is the other one with some transitions missing."""
    rest = iter(t.what for t in whole)
    return all(t.what in rest for t in part)
