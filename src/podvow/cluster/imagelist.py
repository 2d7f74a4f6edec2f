"""The list of fixture images as data: reading and checking fixtures/images/images.yaml. Must not make an image."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from podvow import yamlfile
from podvow.cluster.archive import ImageConfig
from podvow.errors import UsageError
from podvow.inputs import problems
from podvow.paths import FIXTURES

DEFAULT_LIST = FIXTURES / "images" / "images.yaml"


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise ValueError(f"{path!r} must be a path inside the image, without a leading slash")
    return path


Inside = Annotated[str, AfterValidator(_inside)]


class Config(BaseModel):
    """What an image starts by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    stop_signal: str = ""


class FixtureImage(BaseModel):
    """One image of the list; see the head of images.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z0-9-]+$")
    refs: tuple[str, ...] = Field(min_length=1)
    pull: str = ""
    packages: tuple[str, ...] = ()
    drop: tuple[Inside, ...] = ()
    busybox: bool = False
    without: tuple[str, ...] = ()
    files: dict[Inside, str] = {}
    links: dict[Inside, str] = {}
    folders: tuple[Inside, ...] = ()
    config: Config = Config()
    note: str = ""

    @property
    def image_config(self) -> ImageConfig:
        """The image's configuration."""
        return ImageConfig(
            entrypoint=self.config.entrypoint,
            cmd=self.config.cmd,
            stop_signal=self.config.stop_signal,
            labels={"dev.podvow.image": self.name},
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    images: tuple[FixtureImage, ...]


def load(path: Path = DEFAULT_LIST) -> list[FixtureImage]:
    """Read the image list.

    Raises:
        UsageError: when it is broken, or two images claim one name or reference.
    """
    try:
        images = _File.model_validate(yamlfile.load(path, what="image list")).images
    except ValidationError as error:
        raise UsageError(f"{path} is no image list\n  " + "\n  ".join(problems(error))) from error
    for what in ([image.name for image in images], [ref for image in images for ref in image.refs]):
        double = sorted({entry for entry in what if what.count(entry) > 1})
        if double:
            raise UsageError(f"{path} names {', '.join(double)} twice")
    return list(images)
