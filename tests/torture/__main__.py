"""`make torture`: the suites on podvow's kind cluster through a proxy that disturbs; verdicts must not be wrong."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from podvow.api import Api
from podvow.cluster import health, lifecycle
from podvow.cluster.provider import DEFAULT_NAME, Cluster
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError, PodvowError
from podvow.labels import RUN_LABEL
from podvow.paths import REPORTS, ROOT
from tests.page import DOCS, bullets, put_between
from tests.torture import table
from tests.torture.compare import Comparison, compare, unexpected
from tests.torture.disturbances import Disturbance, named
from tests.torture.lanes import Access, Lane, Schedule, opened
from tests.torture.play import Played, play
from tests.torture.selections import ROWS, Row, Way
from tests.torture.table import Line, Outcome
from tests.torture.tally import Tally

_PATIENCE_S = 360.0
_READY_S = 60.0
_INTERRUPTED = 130
_PAGE = DOCS / "torture.md"
_NOTHING = Comparison(0, 0, 0, 0, 0, ())


class Torture:
    """Plays rows on one cluster.

    Args:
        cluster: podvow's own kind cluster.
        api: a connection to it that nobody disturbs.
        stop: set when everything has to end.
    """

    def __init__(self, cluster: Cluster, api: Api, stop: threading.Event) -> None:
        self._cluster = cluster
        self._api = api
        self._stop = stop
        self.baselines: dict[Way, Played] = {}

    def baseline(self, lane: Lane, row: Row) -> Played:
        """Play everything that a way's rows judge, through the proxy but undisturbed.

        Raises:
            ClusterUnusableError: it could not be played.
        """
        played, _ = self._play(lane[row.way], named(row.disturbance), row.claims)
        if not played.scenarios:
            raise ClusterUnusableError(f"nothing could be judged without disturbance:\n{played.output[-2000:]}")
        _say(f"without disturbance, {row.way}: {len(played.scenarios)} verdicts, {played.seconds:.0f} s")
        return played

    def line(self, lane: Lane, row: Row) -> Line:
        """Play a row and compare it with the way's baseline, which was played before."""
        played, tally = self._play(lane[row.way], named(row.disturbance), row.claims)
        compared = _NOTHING
        if played.scenarios:
            compared = compare(self.baselines[row.way].scenarios, played.scenarios, row.claims)
        line = Line(
            row.disturbance,
            row.way,
            compared,
            replace(tally),
            played.code,
            played.seconds,
            tuple(self._troubles(played)),
        )
        _say(table.as_text([line]).splitlines()[1])
        return line

    def _play(self, access: Access, disturbance: Disturbance, claims: Sequence[str]) -> tuple[Played, Tally]:
        tally = access.proxy.begin(disturbance)
        try:
            played = play(access.target, claims, patience_s=_PATIENCE_S, stop=self._stop)
        finally:
            access.proxy.end()
            endpoint = health.read_endpoint(self._cluster.kubeconfig, self._cluster.context)
            health.wait_ready(endpoint, Deadline.after(_READY_S))
        return played, tally

    def _troubles(self, played: Played) -> Iterator[str]:
        if played.code is None:
            yield f"the run did not end within {_PATIENCE_S:.0f} s"
        if not played.scenarios:
            yield f"no results: {played.output.strip()[-300:]}"
        if "Traceback" in played.output:
            yield f"a traceback: {played.output[played.output.index('Traceback') :][:600]}"
        if played.code == 5:
            yield "exit code 5: something was left behind"
        for name in self._namespaces(played.id):
            yield f"namespace {name} was left behind"

    def _namespaces(self, run: str) -> list[str]:
        found = self._api.get(
            "/api/v1/namespaces", params={"labelSelector": f"{RUN_LABEL}={run}" if run else RUN_LABEL}
        )
        return [item["metadata"]["name"] for item in found["items"]]


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def _chosen(names: Sequence[str], way: str) -> list[Row]:
    for name in names:
        named(name)
    return [row for row in ROWS if (not names or row.disturbance in names) and way in {"", row.way}]


def _undisturbed(rows: Sequence[Row]) -> list[Row]:
    """Return for each way a row without disturbance that judges all that its rows judge."""
    claims = {
        way: tuple(dict.fromkeys(claim for row in rows if row.way == way for claim in row.claims))
        for way in dict.fromkeys(row.way for row in rows)
    }
    return [Row("none", way, judged) for way, judged in claims.items()]


def torture(options: argparse.Namespace) -> Outcome:
    """Play the chosen rows as long as there is time."""
    began = time.monotonic()
    deadline = Deadline.after(options.minutes * 60)
    rows = _chosen(options.only, options.way)
    cluster = lifecycle.attach(options.name)
    stop = threading.Event()
    with (
        Api.connect(cluster.kubeconfig, cluster.context) as api,
        opened(cluster, api, options.lanes, seed=options.seed, lock=options.lock) as lanes,
    ):
        play = Torture(cluster, api, stop)
        baselines = Schedule[Row, Played](lanes, deadline, stop).run(_undisturbed(rows), play.baseline)
        play.baselines = {row.way: played for row, played in baselines.items()}
        schedule = Schedule[Row, Line](lanes, deadline, stop)
        # What befalls the server itself befalls all lanes.
        alone = [row for row in rows if named(row.disturbance).trouble == "restart"]
        found = schedule.run([row for row in rows if row not in alone], play.line)
        found |= schedule.run(alone, play.line, alone=True)
    return Outcome(
        cluster.server_version,
        [found[row] for row in rows if row in found],
        [f"{row.disturbance}/{row.way}" for row in rows if row not in found],
        [wrong for played in baselines.values() for wrong in unexpected(played.scenarios)],
        options.seed,
        time.monotonic() - began,
        options.least if not options.only else 1,
    )


def main() -> int:
    """Play, print the table, write the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--lanes", type=int, default=2, help="rows that are played at a time")
    parser.add_argument("--minutes", type=float, default=40.0, help="no row is begun that would not end by then")
    parser.add_argument("--name", default=DEFAULT_NAME, help="podvow's kind cluster")
    parser.add_argument("--only", action="append", default=[], metavar="DISTURBANCE", help="play only this one")
    parser.add_argument("--way", choices=("nodes", "logs"), default="", help="play only rows of this way")
    parser.add_argument("--seed", default="podvow", help="of the generators that choose what is disturbed")
    parser.add_argument("--least", type=int, default=300, help="disturbed scenario runs that are wanted")
    parser.add_argument("--lock", type=Path, help="lock file to hold while the API server is killed")
    parser.add_argument("--page", action="store_true", help=f"put the figures into {_PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        outcome = torture(options)
    except PodvowError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return _INTERRUPTED
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "torture.json").write_text(table.as_json(outcome), encoding="utf-8")
    sys.stdout.write(f"{table.as_text(outcome.lines)}\n{outcome.summary}\n")
    for complaint in outcome.complaints:
        sys.stdout.write(f"! {complaint}\n")
    if options.page:
        put_between(_PAGE, "torture", table.as_markdown(outcome))
        put_between(DOCS / "reliability.md", "torture", table.as_row(outcome, bullets(_PAGE, "What it found")))
    return int(bool(outcome.complaints))


if __name__ == "__main__":
    sys.exit(main())
