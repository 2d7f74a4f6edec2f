"""`make torture`: the suites on podvow's kind cluster through a proxy that disturbs; verdicts must not be wrong."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from podvow.api import Api
from podvow.cluster import health, lifecycle
from podvow.cluster.cri import Cri
from podvow.cluster.provider import DEFAULT_NAME, Cluster
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError, PodvowError
from podvow.labels import RUN_LABEL
from podvow.paths import REPORTS, ROOT
from tests.page import DOCS, bullets, put_between
from tests.torture import certificates, table
from tests.torture.apiserver import restarter
from tests.torture.certificates import Pair
from tests.torture.compare import Comparison, Wrong, compare, unexpected
from tests.torture.disturbances import Disturbance, named
from tests.torture.play import Played, Target, approve, play
from tests.torture.proxy import Proxy
from tests.torture.selections import ROWS, Row, Way
from tests.torture.table import Line, Outcome
from tests.torture.tally import Tally
from tests.torture.upstream import from_kubeconfig, write_kubeconfig

_PATIENCE_S = 360.0
_READY_S = 60.0
_INTERRUPTED = 130
_NAME = "podvow-torture"
_PAGE = DOCS / "torture.md"
_NOTHING = Comparison(0, 0, 0, 0, 0, ())


@dataclass(frozen=True)
class Access:
    """A proxy and the harness's way through it."""

    proxy: Proxy
    target: Target


class Torture:
    """Plays rows on one cluster.

    Args:
        cluster: podvow's own kind cluster.
        api: a connection to it that nobody disturbs.
        ways: the proxies.
    """

    def __init__(self, cluster: Cluster, api: Api, ways: dict[Way, Access]) -> None:
        self._cluster = cluster
        self._api = api
        self._ways = ways
        self._baselines: dict[Way, Played] = {}

    def baseline(self, way: Way, claims: Sequence[str]) -> Played:
        """Play everything that a way's rows judge, through the proxy but undisturbed; once.

        Raises:
            ClusterUnusableError: it could not be played.
        """
        if way not in self._baselines:
            played, _ = self._play(way, named("none"), claims)
            if not played.scenarios:
                raise ClusterUnusableError(f"nothing could be judged without disturbance:\n{played.output[-2000:]}")
            self._baselines[way] = played
        return self._baselines[way]

    def line(self, row: Row) -> Line:
        """Play a row and compare it with the way's baseline, which was played before."""
        played, tally = self._play(row.way, named(row.disturbance), row.claims)
        compared = _NOTHING
        if played.scenarios:
            compared = compare(self._baselines[row.way].scenarios, played.scenarios, row.claims)
        return Line(
            row.disturbance,
            row.way,
            compared,
            replace(tally),
            played.code,
            played.seconds,
            tuple(self._troubles(played)),
        )

    def _play(self, way: Way, disturbance: Disturbance, claims: Sequence[str]) -> tuple[Played, Tally]:
        access = self._ways[way]
        tally = access.proxy.begin(disturbance)
        try:
            played = play(access.target, claims, patience_s=_PATIENCE_S)
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


@contextmanager
def _ways(cluster: Cluster, api: Api, seed: str, lock: Path | None) -> Iterator[dict[Way, Access]]:
    """Start both proxies."""
    if cluster.access is None:
        raise ClusterUnusableError("the API server cannot be restarted without a way onto the nodes")
    nodes = api.get("/api/v1/nodes", params={"labelSelector": "node-role.kubernetes.io/control-plane"})["items"]
    restart = restarter(Cri(cluster.access), nodes[0]["metadata"]["name"], lock)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_NAME)))
        upstream = from_kubeconfig(cluster.kubeconfig, cluster.context, folder)
        own = certificates.authority(folder, "own")
        wrong = certificates.server(folder, "wrong-server", certificates.authority(folder, "stranger"))
        endpoint = health.read_endpoint(cluster.kubeconfig, cluster.context)
        ways: dict[Way, Access] = {}
        leads: tuple[tuple[Way, str, str, Pair], ...] = (
            ("nodes", cluster.context, endpoint.ca, certificates.server_by_cluster(folder, _NAME, api)),
            ("logs", _NAME, own.certificate.read_text(), certificates.server(folder, "own-server", own)),
        )
        for way, context, ca, good in leads:
            proxy = stack.enter_context(Proxy(upstream, good, wrong, restart=restart, seed=seed))
            file = folder / f"kubeconfig-{way}"
            write_kubeconfig(file, context=context, port=proxy.port, ca=ca, token=proxy.token)
            target = Target(file, context, way == "nodes", folder / "config")
            approve(target)
            ways[way] = Access(proxy, target)
        yield ways


def _chosen(names: Sequence[str], way: str) -> list[Row]:
    for name in names:
        named(name)
    return [row for row in ROWS if (not names or row.disturbance in names) and way in {"", row.way}]


def torture(options: argparse.Namespace) -> Outcome:
    """Play the chosen rows as long as there is time."""
    began = time.monotonic()
    deadline = Deadline.after(options.minutes * 60)
    rows = _chosen(options.only, options.way)
    cluster = lifecycle.attach(options.name)
    lines: list[Line] = []
    strange: list[Wrong] = []
    with (
        Api.connect(cluster.kubeconfig, cluster.context) as api,
        _ways(cluster, api, options.seed, options.lock) as ways,
    ):
        play = Torture(cluster, api, ways)
        longest = 0.0
        for way in dict.fromkeys(row.way for row in rows):
            claims = tuple(dict.fromkeys(claim for row in rows if row.way == way for claim in row.claims))
            played = play.baseline(way, claims)
            strange += unexpected(played.scenarios)
            sys.stderr.write(
                f"without disturbance, {way}: {len(played.scenarios)} verdicts, {played.seconds:.0f} s\n"
            )
        for row in rows:
            if deadline.left_s < longest:
                break
            lines.append(line := play.line(row))
            longest = max(longest, line.seconds)
            sys.stderr.write(f"{table.as_text([line]).splitlines()[1]}\n")
    missing = [f"{row.disturbance}/{row.way}" for row in rows[len(lines) :]]
    least = options.least if not options.only else 1
    return Outcome(cluster.server_version, lines, missing, strange, options.seed, time.monotonic() - began, least)


def main() -> int:
    """Play, print the table, write the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="no row is begun that would not end by then")
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
