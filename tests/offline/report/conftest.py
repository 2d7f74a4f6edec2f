"""One written run for the whole folder: the tests look at it from every side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from podvow.report.write import write_all
from podvow.verdict import Judged
from tests.offline.report import build


@pytest.fixture(scope="session")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sequence[Judged]]:
    folder = tmp_path_factory.mktemp("run")
    return folder, build.run_folder(folder)


@pytest.fixture(scope="session")
def written(verdicts: tuple[Path, Sequence[Judged]]) -> Path:
    folder, judged = verdicts
    write_all(folder, build.RUN, judged, build.CLAIMS, build.SEED, catalogue=build.CATALOGUE)
    return folder
