"""Makes suites out of scenarios: collects them, starts the driver, lets each test judge its own finished timeline.

Inert unless `--podvow-session` is given: a plain `pytest` touches no cluster.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from podvow import interrupts, redact
from podvow.claims import Register, load_register
from podvow.ending import Ending, grant_workers_time, watch_parent
from podvow.errors import ExitCode, PodvowError, UsageError
from podvow.judge import judged
from podvow.live import Live, Recorded, Replay
from podvow.marks import NotHeldError, Trial
from podvow.paths import SUITES
from podvow.scenario.driver import Planned
from podvow.scenario.model import Scenario, key_of
from podvow.scenario.placing import Item
from podvow.session import Session, save_judged, slug
from podvow.verdict import Judged, Verdict, shown

_LIVE = pytest.StashKey[Recorded]()
_ENDING = pytest.StashKey[Ending]()
_PARENT = "podvow_parent"
_REGISTER = pytest.StashKey[Register]()
_SESSION = pytest.StashKey[Session]()
_PLANNED = pytest.StashKey[Planned]()
_TRIAL = pytest.StashKey[Trial]()
_WORDS = {
    "holds": ("passed", ".", "HOLDS"),
    "refuted": ("refuted", "r", "REFUTED"),
    "conflict": ("documentation conflict, as expected", "c", "CONFLICT"),
    "violated": ("failed", "V", "VIOLATED"),
    "inconclusive": ("inconclusive", "?", "INCONCLUSIVE"),
    "not-injected": ("not injected", "n", "NOT-INJECTED"),
    "not-applicable": ("skipped", "s", "NOT-APPLICABLE"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that `podvow run` and `podvow replay` pass on."""
    group = parser.getgroup("podvow")
    group.addoption("--podvow-session", help="session file of a run (made by `podvow run`)")
    group.addoption("--podvow-view", type=int, default=-1, help="descriptor that shows how the run goes on")
    group.addoption("--podvow-claim", action="append", default=[], help="judge only these claims")
    group.addoption("--podvow-area", action="append", default=[], help="judge only claims of these areas")


def pytest_configure(config: pytest.Config) -> None:
    """Load the session and the register; whatever asks this process to end makes it undo first."""
    path = config.getoption("--podvow-session")
    if not path:
        return
    try:
        config.stash[_SESSION] = Session.load(Path(path))
        config.stash[_REGISTER] = load_register(SUITES / "claims.yaml")
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    redact.watch_logs()
    worker = getattr(config, "workerinput", None)
    interrupts.install(worker=worker is not None)
    config.stash[_ENDING] = ending = Ending(worker=worker is not None)
    if worker is None:
        grant_workers_time()
    else:
        watch_parent(int(worker[_PARENT]), ending.abandon)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker whose it is, so that it notices when that one is gone."""
    node.workerinput[_PARENT] = os.getpid()


def scenario_id(item: pytest.Item) -> str:
    """Return a test's stable id: folder, name in words, parameters."""
    name = item.name.removeprefix("test_")
    base, bracket, params = name.partition("[")
    return f"{item.path.parent.name}.{base.replace('_', '-')}{bracket}{params}"


def _plan(item: pytest.Item, session: Session, shared: dict[str, Planned]) -> Planned:
    mark = item.get_closest_marker("scenario")
    if mark is None:
        raise UsageError(f"{item.nodeid} has no scenario")
    spec: Scenario = mark.args[0]
    callspec = getattr(item, "callspec", None)
    resolved = spec.resolved(callspec.params if callspec else {})
    own_id = scenario_id(item)
    # Two tests with the very same scenario share one recording: the first one's.
    same = repr((resolved.manifests(), resolved.static, [str(s) for s in map(_words, resolved.steps)]))
    if same in shared:
        return shared[same]
    timed = resolved.idling_at_most(session.patience.get(own_id))
    planned = Planned(own_id, key_of(own_id), item.nodeid, timed, session.evidence / f"{slug(own_id)}.jsonl")
    shared[same] = planned
    return planned


def _words(step: Any) -> str:
    condition = getattr(step, "condition", None)
    return f"{type(step).__name__}:{condition.text if condition else step!r}"


def _claims(item: pytest.Item) -> tuple[str, ...]:
    mark = item.get_closest_marker("claim")
    return tuple(mark.args) if mark else ()


def item_of(config: pytest.Config, item: pytest.Item) -> Item:
    """Return a test with its recording and its claims."""
    register = config.stash[_REGISTER]
    return Item(scenario_id(item), item.stash[_PLANNED], tuple(register.claim(c) for c in _claims(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check register against tests, plan the scenarios, keep what was asked for, in the driver's order.

    Comes before pytest's own `-k`: which test lends a shared recording its id must not hang on the selection.
    """
    session = config.stash.get(_SESSION, None)
    if session is None:
        return
    try:
        _select(config, session, items)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def _select(config: pytest.Config, session: Session, items: list[pytest.Item]) -> None:
    register = config.stash[_REGISTER]
    if all(Path(a).resolve() == SUITES for a in config.args):
        register.check_tests({item.nodeid: _claims(item) for item in items})
    wanted, areas = set(config.getoption("--podvow-claim")), set(config.getoption("--podvow-area"))
    for name in wanted:
        register.claim(name)
    shared: dict[str, Planned] = {}
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        ids = _claims(item)
        planned = item.stash[_PLANNED] = _plan(item, session, shared)
        chosen = not (wanted and wanted.isdisjoint(ids))
        chosen = chosen and not (areas and areas.isdisjoint(register.claim(i).area for i in ids))
        profiles = planned.scenario.profiles
        if session.replay:
            chosen = chosen and planned.id in session.replay
        elif (profiles and session.profile not in profiles) or scenario_id(item) in session.kept:
            chosen = False
        chosen = chosen and (not session.only or scenario_id(item) in session.only)
        (kept if chosen else dropped).append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = sorted(kept, key=_soonest if session.until else _turn)


def _view(config: pytest.Config) -> Console:
    """Return a console on the standard error that the command was started with: pytest keeps its own for itself."""
    number = config.getoption("--podvow-view")
    if number < 0 or hasattr(config, "workerinput"):  # in an xdist worker that number is another descriptor
        return Console(stderr=True)
    return Console(file=os.fdopen(number, "w", encoding="utf-8", closefd=False))


def _turn(item: pytest.Item) -> tuple[int, float]:
    """Judge in the order in which the driver starts, so that judging overlaps with running.

    The scenarios with node faults come last: they form a chain that goes on beside the others for a long time.
    """
    scenario = item.stash[_PLANNED].scenario
    return int(scenario.isolation), -scenario.typical_s


def _soonest(item: pytest.Item) -> tuple[int, float]:
    """Judge what is recorded first: the first violation may end the run."""
    scenario = item.stash[_PLANNED].scenario
    return int(scenario.isolation), scenario.typical_s


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Start every selected scenario at once (one process does; with xdist the others judge from its files)."""
    config = session.config
    podvow = config.stash.get(_SESSION, None)
    if podvow is None or config.option.collectonly or not session.items:
        return
    items = [item_of(config, i) for i in session.items if _PLANNED in i.stash]
    if not items:
        return
    if podvow.replay:
        config.stash[_LIVE] = Replay(podvow)
        return
    try:
        live = config.stash[_LIVE] = Live(podvow, items, view=_view(config))
        config.stash[_ENDING].of(live)
        live.start()
    except PodvowError as error:
        usage = error.exit_code is ExitCode.USAGE
        code = pytest.ExitCode.USAGE_ERROR if usage else pytest.ExitCode.INTERNAL_ERROR
        pytest.exit(f"error: {error}", returncode=int(code))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """End the driver: wait for it, or stop it when the run was interrupted."""
    ending = session.config.stash.get(_ENDING, None)
    if ending is not None:
        ending.end(interrupted=exitstatus == pytest.ExitCode.INTERRUPTED)


@pytest.fixture
def timeline(request: pytest.FixtureRequest) -> Trial:
    """The finished timeline of the test's scenario, ready to be judged."""
    live = request.config.stash.get(_LIVE, None)
    if live is None:
        pytest.fail("suites judge a real cluster: use `podvow run` or `podvow replay FILE`", pytrace=False)
    planned = request.node.stash[_PLANNED]
    reason = live.not_applicable(item_of(request.config, request.node))
    if reason:
        pytest.skip(reason)
    trial = Trial(live.timeline(planned))
    request.node.stash[_TRIAL] = trial
    return trial


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what a test's expectations said into a verdict with its message."""
    report = yield
    session = item.config.stash.get(_SESSION, None)
    if session is None or _PLANNED not in item.stash:
        return report
    if report.when == "setup" and report.skipped:
        _finish(item, session, report, _skipped(item, str(call.excinfo.value) if call.excinfo else ""))
    elif report.when == "call" and _TRIAL in item.stash:
        trial = item.stash[_TRIAL]
        error = call.excinfo.value if call.excinfo else None
        bug = "" if error is None or isinstance(error, NotHeldError) else f"{type(error).__name__}: {error}"
        planned = item.stash[_PLANNED]
        result = judged(
            trial,
            trial.judgements,
            test=item.nodeid,
            scenario_id=scenario_id(item),
            claims=[item.config.stash[_REGISTER].claim(c) for c in _claims(item)],
            evidence=f"evidence/{planned.evidence.name}",
            error=bug,
        )
        _finish(item, session, report, result)
    return report


def _skipped(item: pytest.Item, reason: str) -> Judged:
    return Judged(scenario_id(item), item.nodeid, _claims(item), Verdict.NOT_APPLICABLE, reason=reason)


def _finish(item: pytest.Item, session: Session, report: pytest.TestReport, result: Judged) -> None:
    save_judged(session, result)
    register = item.config.stash[_REGISTER]
    gating = any(register.claim(c).gating for c in result.claims)
    word = shown(result.verdict, gating=gating, known=result.known)
    report.user_properties.append(("verdict", word))
    item.config.stash[_LIVE].judged(result.scenario, word)
    if result.verdict is Verdict.VIOLATED and not result.known and not set(session.until).isdisjoint(result.claims):
        item.config.stash[_LIVE].stop()
        item.session.shouldstop = f"{result.scenario} is violated"
    if word in {"holds", "refuted", "conflict"}:
        report.outcome = "passed"
        report.longrepr = None
    elif word != "not-applicable":
        report.outcome = "failed"
        report.longrepr = result.message


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Name the verdicts in the terminal."""
    word = dict(getattr(report, "user_properties", ())).get("verdict")
    return _WORDS[str(word)] if word and (report.when == "call" or report.skipped) else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Workers only judge, so one is enough for `-n auto`: waiting costs no process (docs/speed.md)."""
    return 1
