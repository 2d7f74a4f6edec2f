"""The script of fixtures/survivors/sampler.yaml, run for real against a server that goes away and comes back."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from podvow.scenario.manifest import pod_specs, read_manifests
from podvow.upgrade import cohort
from podvow.upgrade.outage import summed
from podvow.upgrade.samples import Sample, parse

PATIENCE_S = 30.0
_NC = """\
#!{python}
import os, socket, sys, threading
link = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def forward():
    while data := os.read(0, 4096):
        link.sendall(data)
threading.Thread(target=forward, daemon=True).start()
while data := link.recv(4096):
    os.write(1, data)
os._exit(0)
"""
"""What the fixture images have in busybox."""


LINKS: list[socket.socket] = []


class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        LINKS.append(self.connection)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"web\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Site:
    """A server that can be taken away with all its connections."""

    def __init__(self) -> None:
        self.port = 0
        self.up()

    def up(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Page)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def down(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        while LINKS:
            with contextlib.suppress(OSError):
                LINKS.pop().shutdown(socket.SHUT_RDWR)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.down()


@pytest.fixture
def sampler(site: Site, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    if not shutil.which("bash") or not shutil.which("wget"):
        pytest.skip("no bash or no wget here")
    (manifest,) = read_manifests(cohort.FOLDER / "sampler.yaml")
    ((_, spec),) = pod_specs(manifest)
    nc = tmp_path / "nc"
    nc.write_text(_NC.format(python=sys.executable))
    nc.chmod(0o755)
    process = subprocess.Popen(
        ["bash", "-c", spec["containers"][0]["command"][2]],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "WEB_SERVICE_HOST": "127.0.0.1",
            "WEB_SERVICE_PORT": str(site.port),
            "SAMPLER_FOLDER": str(tmp_path),
        },
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    process.terminate()
    process.wait(PATIENCE_S)


def read_until(process: subprocess.Popen[str], lines: list[str], *wanted: tuple[str, str]) -> list[Sample]:
    """Read until each (connection, word) was told of since now."""
    assert process.stdout is not None
    left, deadline = set(wanted), time.monotonic() + PATIENCE_S
    while left:
        line = process.stdout.readline()
        assert line, "the sampler has ended"
        assert time.monotonic() < deadline, f"{left} was not told of:\n{''.join(lines)}"
        lines.append(line)
        words = line.split()
        left.discard((words[2], words[3]) if words[0] == "sample" else ("", ""))
    return parse(lines, where="log")


def test_what_is_answered_and_what_is_not_over_both_kinds_of_connections(
    site: Site, sampler: subprocess.Popen[str]
) -> None:
    lines: list[str] = []
    read_until(sampler, lines, ("new", "ok"), ("reused", "ok"))
    site.down()
    read_until(sampler, lines, ("new", "fail"), ("reused", "fail"))
    site.up()
    samples = read_until(sampler, lines, ("new", "ok"), ("reused", "ok"))
    new, reused = summed({"here": samples})
    assert abs(samples[0].at_s - time.time()) < PATIENCE_S
    for seen in (new, reused):
        assert seen.failed >= 1
        assert [outage.ended for outage in seen.outages] == [True]
        assert 0.9 <= seen.longest_s < PATIENCE_S
