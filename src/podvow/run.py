"""`podvow run`: checks before, pytest in the middle, report and exit code after."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from podvow import parts, preflight, quarantine, redact, resume, runlock
from podvow.claims import Register, load_register
from podvow.cluster import images, lifecycle
from podvow.cluster.process import CommandError
from podvow.cluster.profile import read_profile
from podvow.errors import ClusterUnusableError, ExitCode, UsageError
from podvow.faults.base import NODE_STATUS
from podvow.live import enter, know
from podvow.paths import FIXTURES, ROOT, SUITES
from podvow.permissions import OFFER, needs_of, used_by
from podvow.profiles import profile_named
from podvow.report.model import NodeInfo, RunInfo
from podvow.report.register import describe
from podvow.report.summary import verdict_table
from podvow.report.write import write_all
from podvow.scenario.applicable import NAMESPACED
from podvow.scenario.driver import workers
from podvow.scenario.manifest import images_of, load_fixture
from podvow.scenario.scheduler import limit_s
from podvow.selection import WITHOUT, Collected, collect
from podvow.session import Session, load_judged, point_latest
from podvow.verdict import UNDECIDED, Judged, Verdict

_PIPE_WIDTH = 150


def run(session: Session, collected: Collected) -> ExitCode:
    """Judge a cluster.

    Args:
        session: the run.
        collected: what is to be judged, by its selection.

    Returns:
        The exit code of design.md §9.

    Raises:
        PodvowError: something is wrong that was found before anything was created.
    """
    with runlock.held(session.folder):
        session.save()
        try:
            session, register = _ready(session, collected)
        except BaseException:
            # Nothing was run: an empty run among the others would only puzzle.
            shutil.rmtree(session.folder)
            raise
        return finish(session, register, pytest_main(session, session.selection.options()))


def run_on(run_id: str, given: Mapping[str, Any]) -> ExitCode:
    """Go on with a run that crashed or was interrupted.

    Args:
        run_id: the run.
        given: the options that were given beside it, by the names of the command's parameters.

    Returns:
        The exit code of the whole run; of a run that is finished, the one that it had.

    Raises:
        PodvowError: there is no such run, it is alive, it was begun with other options, or the cluster cannot be
            used; what the run has reached is kept.
    """
    session = resume.find(run_id, given)
    with runlock.held(session.folder):
        code = resume.finished(session.folder)
        if code is not None:
            sys.stdout.write(f"run {run_id} is finished (exit code {int(code)}): nothing to resume\n")
            return code
        collected = collect(session.selection, session.profile)
        session = resume.next_part(session)
        session.save()
        sys.stderr.write(f"run {run_id} goes on: {len(session.kept)} verdicts are kept\n")
        session, register = _ready(session, collected)
        return finish(session, register, pytest_main(session, session.selection.options()))


def _ready(session: Session, collected: Collected) -> tuple[Session, Register]:
    """Check everything that can be checked before anything is created.

    Returns:
        The session with what the run must do without, and the claims register.
    """
    redact.watch_logs()
    check_fixtures()
    quarantine.current()
    register = load_register(SUITES / "claims.yaml")
    if session.provider == "kind" and session.up:
        lifecycle.up(name=session.name, config=profile_named(session.profile).kind_config)
    session = replace(session, withheld=dict(NAMESPACED) if session.namespaced else {})
    return replace(session, withheld={**session.withheld, **prepare(session, collected)}), register


def check_fixtures() -> None:
    """Read every fixture, so that a broken one is named before anything is created.

    Raises:
        UsageError: a manifest is broken.
    """
    for folder in ("pods", "objects", "workloads"):
        for path in sorted((FIXTURES / folder).glob("*.yaml")):
            load_fixture(f"{folder}/{path.stem}")


def prepare(session: Session, collected: Collected) -> dict[str, str]:
    """Check that the cluster can be used, creating nothing on it but fixture images on kind nodes.

    Returns:
        The capabilities that the run must do without because it may not use them, each with the reason.

    Raises:
        ClusterUnusableError: everything that stands in the way.
    """
    api, guard = enter(session)
    cluster = guard.cluster
    if session.part > 1:
        resume.clear_away(session)
    try:
        profile = read_profile(api)
        know(session, profile)
        able = workers(profile)
        if misfit := profile_named(session.profile).misfit(able):
            raise ClusterUnusableError(misfit, hint="--profile fast has a cluster of its own")
        chosen = [node.name for node in able]
        if cluster.access is not None:
            missing = images.missing_images(cluster)
            if missing:
                guard.check_nodes(node.name for node in profile.nodes)
                images.ensure_fixture_images(cluster)
        elif preflight.await_images(api, able, sorted(fixture_images())):
            profile = read_profile(api)
        findings = preflight.check(
            api,
            profile,
            needs=needs_of(used_by(collected.scenarios, {**guard.withheld, **session.withheld})),
            images=[] if cluster.access is not None else sorted(fixture_images()),
            chosen=chosen,
        )
        for finding in findings:
            if finding.level == "warning":
                sys.stderr.write(f"{finding}\n")
        preflight.raise_if_unusable(findings)
    except CommandError as error:
        raise ClusterUnusableError(str(error), hint="podvow up") from error
    finally:
        api.close()
    denied = next((f.text for f in findings if f.missing in OFFER.permissions), "")
    return {NODE_STATUS: denied} if denied else {}


def fixture_images() -> frozenset[str]:
    """Return the images that must be on the nodes."""
    return images_of(
        [m for p in sorted((FIXTURES / "pods").glob("*.yaml")) for m in load_fixture(f"pods/{p.stem}")]
    )


def pytest_main(session: Session, args: Sequence[str]) -> int:
    """Run pytest on the suites; return its exit code."""
    view = os.dup(2)  # pytest takes the standard error for itself
    options = [
        str(SUITES),
        f"--rootdir={ROOT}",
        f"--podvow-session={session.save()}",
        f"--podvow-view={view}",
        *WITHOUT,
        "-q",
        "--no-header",
        "--tb=short",
        *args,
    ]
    try:
        return int(pytest.main(options))
    finally:
        os.close(view)


def exit_code(
    judged: Sequence[Judged],
    register: Register,
    *,
    leaks: Sequence[str],
    refused: bool = False,
    expired: bool = False,
) -> ExitCode:
    """Return the run's exit code: a leak outweighs a violation, which outweighs an open verdict.

    Only documented and characterised claims count; what only the seed says never does, and neither does a violation
    that the register expects of the kubelet that was judged. That the cluster may not be touched any more outweighs
    all verdicts: nobody knows whose they are. An entry of the quarantine list that expired is an error of its own,
    but none that outweighs a verdict; what the list marks counts as it came out.
    """
    if leaks:
        return ExitCode.LEAK
    if refused:
        return ExitCode.CLUSTER
    gating = [j for j in judged if any(register.claim(c).gating for c in j.claims)]
    verdicts = {j.verdict for j in gating if not j.known}
    undecided = any(j.verdict in UNDECIDED for j in judged)
    if Verdict.VIOLATED in verdicts:
        return ExitCode.VIOLATED
    if undecided or not judged:
        return ExitCode.INCONCLUSIVE
    return ExitCode.USAGE if expired else ExitCode.OK


def finish(session: Session, register: Register, pytest_code: int) -> ExitCode:
    """Write the report, print the table and return the exit code."""
    judged = load_judged(session)
    if pytest_code == pytest.ExitCode.NO_TESTS_COLLECTED and not session.kept:
        raise UsageError("the selection matches no scenario", hint="podvow run --collect-only lists them")
    if pytest_code in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR} and not judged:
        return ExitCode.USAGE if pytest_code == pytest.ExitCode.USAGE_ERROR else ExitCode.CLUSTER
    ran = [*parts.earlier(session), parts.current(session)]
    stats = parts.added(ran)
    marks = quarantine.current()
    code = exit_code(judged, register, leaks=stats.leaks, refused=bool(stats.refused), expired=bool(marks.expired))
    whole = pytest_code not in {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR} and not stats.lost
    if not whole and code in {ExitCode.OK, ExitCode.USAGE}:
        code = ExitCode.INCONCLUSIVE
    info = run_info(session, ran, judged, code, complete=whole)
    claims, seed, catalogue = describe(register)
    write_all(session.folder, info, judged, claims, seed, catalogue=catalogue, quarantine=marks)
    point_latest(session.folder)
    # A pipe has no width of its own; rich would take 80 columns and fold every id.
    console = Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)
    console.print(verdict_table(info, judged, claims, marks))
    for leak in stats.leaks:
        console.print(f"LEAK: {leak}", style="bold red")
    if stats.lost:
        console.print(f"the run was cut short: {stats.lost}", style="yellow")
    if stats.leaks or stats.lost:
        console.print(f"podvow recover --run {session.run_id} removes what it left", soft_wrap=True)
    if not whole:
        console.print(f"podvow run --resume {session.run_id} goes on with it", soft_wrap=True)
    shown = session.folder.relative_to(Path.cwd()) if session.folder.is_relative_to(Path.cwd()) else session.folder
    console.print(f"harness CPU {info.cpu_s:.1f} s, {info.api_requests} API requests, exit code {int(code)}")
    console.print(f"report {shown}/index.html", soft_wrap=True)
    return code


def run_info(
    session: Session, ran: Sequence[parts.Stats], judged: Sequence[Judged], code: ExitCode, *, complete: bool
) -> RunInfo:
    """Put the run's figures together.

    Args:
        session: the run.
        ran: the figures of its parts, in order; of a run that was not resumed there is one.
        judged: the verdicts of all parts.
        code: the exit code.
        complete: whether it came to its end.
    """
    stats = parts.added(ran)
    recordings = {j.evidence: j.wall_s for j in judged if j.evidence}
    limit = limit_s(
        recordings.values(),
        node_cpu_s=stats.node_cpu_s,
        cores=stats.cores,
        exclusive=stats.exclusive_s,
    )
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    before_s = sum(part.cpu_s for part in ran[:-1])
    again = parts.told(ran)
    return RunInfo(
        id=session.run_id,
        started=session.started,
        wall_s=round(stats.wall_s, 3),
        limit_s=round(limit, 3),
        cpu_s=round(before_s + sum(u.ru_utime + u.ru_stime for u in usage), 2),
        api_requests=sum(stats.api_requests.values()),
        exit_code=int(code),
        complete=complete,
        provider=session.provider,
        server_version=stats.server_version,
        nodes=tuple(NodeInfo(**{**n, "capabilities": tuple(n["capabilities"])}) for n in stats.nodes),
        extra={
            "profile": session.profile,
            "recordings": str(len(recordings)),
            "node CPU s": f"{stats.node_cpu_s:.1f}",
            "with teardown s": f"{stats.with_teardown_s:.1f}",
            **({"resumed": again} if again else {}),
        },
    )
