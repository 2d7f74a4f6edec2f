"""One ordinary run of claims in a process of its own, whose report is put into the upgrade's folder."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from podvow.child import run_module
from podvow.ending import end_with_parent
from podvow.errors import ClusterUnusableError, ExitCode, PodvowError
from podvow.faults.base import Isolation
from podvow.faults.upkeep import KUBELET
from podvow.report import results
from podvow.scenario.model import Scenario
from podvow.selection import Collected, collect
from podvow.session import Session, new_session
from podvow.upgrade.baseline import Baseline, Folder, RunTold, Stage

_PATIENCE_S = 7200.0
"""Longer than all suites take with the longest profile."""
_MODULE = "podvow.upgrade.judging"
_LOG = "run.log"
_DONE = frozenset({ExitCode.OK, ExitCode.VIOLATED, ExitCode.INCONCLUSIVE})


@dataclass(frozen=True)
class Wanted:
    """A run that is wanted.

    Attributes:
        stage: when it is.
        node: the node that its Pods are put on; empty for any.
        kubelet: version of that node's kubelet.
        only: ids of the tests; empty for all that are selected.
    """

    stage: Stage
    node: str = ""
    kubelet: str = ""
    only: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """It, for people."""
        return f"{self.stage} the upgrade" + (f" on {self.node} ({self.kubelet})" if self.node else "")


def spares_others(scenario: Scenario) -> bool:
    """Whether what a scenario does to its node is promised to leave all other Pods there alone.

    A kubelet that is stopped and started restarts nothing; a reboot does, and so may a runtime or a network that is
    disturbed.
    """
    units = [fault.name for fault in scenario.faults if fault.isolation is not Isolation.POD]
    return all(name.startswith(f"{KUBELET}_") for name in units)


def sparing(collected: Collected) -> tuple[str, ...]:
    """Return the ids of the tests that leave survivors alone."""
    return tuple(item.id for item in collected.items if spares_others(item.planned.scenario))


def judged(folder: Folder, baseline: Baseline, session: Session, wanted: Wanted) -> Baseline:
    """Run the claims of an upgrade once more.

    Args:
        folder: of the upgrade; takes a copy of the run's folder.
        baseline: what is known of it.
        session: names the cluster as it is reached now.
        wanted: when and where.

    Returns:
        What is known with this run too.

    Raises:
        ClusterUnusableError: it came to no report.
    """
    run = new_session(
        provider=session.provider,
        name=session.name,
        kubeconfig=session.kubeconfig,
        context=session.context,
        profile=baseline.profile,
        selection=baseline.selection,
        node=wanted.node,
        only=wanted.only,
    )
    log = folder.path / f"{wanted.stage}-{run.run_id}.log"
    code = run_module(_MODULE, run.save(), log, patience_s=_PATIENCE_S)
    if code not in _DONE or not (run.folder / results.FILE).exists():
        raise ClusterUnusableError(f"the claims could not be judged: the run ended with {code}", hint=f"see {log}")
    inside = f"{wanted.stage}/{len(baseline.of(wanted.stage)) + 1}-{wanted.node or 'any'}"
    shutil.copytree(run.folder, folder.path / inside, dirs_exist_ok=True)
    log.replace(folder.path / inside / _LOG)
    told = RunTold(wanted.stage, inside, wanted.node, wanted.kubelet, code)
    baseline = replace(baseline, runs=(*baseline.runs, told))
    folder.save(baseline)
    return baseline


def main(argv: list[str]) -> int:
    """Judge what a session file says; return the exit code of `podvow run`."""
    from podvow import run as command  # noqa: PLC0415 - pytest is not imported by who only starts this process

    session = Session.load(Path(argv[1]))
    end_with_parent()
    try:
        return int(command.run(session, collect(session.selection, session.profile)))
    except PodvowError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.exit_code)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
