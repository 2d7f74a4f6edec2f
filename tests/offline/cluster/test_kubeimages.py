"""The pause image's program, compiled and run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from podvow.cluster.nodeimage import kubeimages

pytestmark = pytest.mark.skipif(not shutil.which("cc") and not shutil.which("gcc"), reason="no C compiler here")


@pytest.fixture(scope="module")
def pause(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pause")
    kubeimages._compile_pause(folder / "pause", folder)
    return folder / "pause"


def test_it_ends_when_it_is_asked_for_its_version(pause: Path) -> None:
    done = subprocess.run([pause, "-v"], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "pause of podvow\n"


def test_otherwise_it_runs_until_it_is_told_to_end(pause: Path) -> None:
    with subprocess.Popen([pause]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.terminate()
        assert process.wait(20) == 0
