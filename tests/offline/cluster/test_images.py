from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from podvow.cluster import archive, debian, images, stages
from podvow.cluster.archive import ImageConfig, image_id, write_archive
from podvow.cluster.imagelist import FixtureImage
from podvow.errors import ClusterUnusableError
from tests.offline.cluster.fakes import FakeAccess, FakeRun
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = FixtureImage(name="thing", refs=("podvow/thing:1", "thing:2"), pull="thing:stable", packages=("busybox",))


def tree(root: Path) -> Path:
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "program").write_text("x")
    (root / "bin" / "program").chmod(0o755)
    (root / "link").symlink_to("bin/program")
    return root


def test_the_same_tree_gives_the_same_image(tmp_path: Path) -> None:
    config = ImageConfig(entrypoint=["/bin/program"], stop_signal="SIGQUIT")
    first = write_archive(tree(tmp_path / "a"), ["x:1"], config, tmp_path / "a.tar")
    assert write_archive(tree(tmp_path / "b"), ["x:1"], config, tmp_path / "b.tar") == first
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    assert image_id(tmp_path / "a.tar") == first


def test_another_file_gives_another_image(tmp_path: Path) -> None:
    first = write_archive(tree(tmp_path / "a"), ["x:1"], ImageConfig(), tmp_path / "a.tar")
    (tmp_path / "a" / "etc").write_text("green")
    assert write_archive(tmp_path / "a", ["x:1"], ImageConfig(), tmp_path / "a.tar") != first


def test_an_archive_is_what_docker_load_takes(tmp_path: Path) -> None:
    identity = write_archive(tree(tmp_path / "a"), ["x:2", "x:1"], ImageConfig(cmd=["sh"]), tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as file:
        read = {member.name: file.extractfile(member) for member in file}
        manifest = json.load(read["manifest.json"] or io.BytesIO())
        assert manifest[0]["RepoTags"] == ["x:1", "x:2"]
        config = json.load(read[manifest[0]["Config"]] or io.BytesIO())
        assert f"sha256:{manifest[0]['Config'].removesuffix('.json')}" == identity
        assert config["config"]["Cmd"] == ["sh"]
        assert config["architecture"] == archive.architecture()
        layer = read[manifest[0]["Layers"][0]]
        with tarfile.open(fileobj=layer) as inner:
            assert {(m.name, m.uid, m.mtime) for m in inner} == {
                ("bin", 0, 0),
                ("bin/program", 0, 0),
                ("link", 0, 0),
            }


def test_archives_of_newer_engines_name_their_configuration_by_blob(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        archive._add_bytes(file, "manifest.json", b'[{"Config": "blobs/sha256/abc"}]')
    assert image_id(tmp_path / "x.tar") == "sha256:abc"


def test_a_tree_is_furnished_with_applets_users_files_and_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian.merge_usr(tmp_path)
    (tmp_path / "usr/bin/busybox").touch()
    (tmp_path / "usr/sbin/nginx").touch()
    (tmp_path / "usr/share/doc").mkdir(parents=True)
    monkeypatch.setattr(images, "run", FakeRun({f"{tmp_path}/usr/bin/busybox --list": "sh\ndig\nnginx\nbusybox\n"}))
    image = IMAGE.model_copy(
        update={
            "busybox": True,
            "without": ("dig",),
            "drop": ("usr/share/*",),
            "files": {"etc/podvow-image": "blue\n"},
            "links": {"var/log/x.log": "/dev/stdout"},
            "folders": ("var/lib/x",),
        }
    )
    images.furnish(image, tmp_path)
    assert (tmp_path / "bin/sh").readlink().as_posix() == "busybox"
    assert not (tmp_path / "bin/dig").exists()
    assert not (tmp_path / "usr/bin/nginx").exists()
    assert not (tmp_path / "usr/share/doc").exists()
    assert (tmp_path / "etc/podvow-image").read_text() == "blue\n"
    assert (tmp_path / "var/log/x.log").readlink().as_posix() == "/dev/stdout"
    assert (tmp_path / "var/lib/x").is_dir()
    assert (tmp_path / "etc/passwd").read_text().startswith("root:")
    assert (tmp_path / "tmp").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize(
    ("refs", "digests", "has"),
    [
        ({"docker.io/podvow/thing:1", "docker.io/library/thing:2"}, {"sha256:a"}, True),
        ({"docker.io/podvow/thing:1"}, {"sha256:a"}, False),
        # The names are there, of an older build.
        ({"docker.io/podvow/thing:1", "docker.io/library/thing:2"}, {"sha256:b"}, False),
        ({"docker.io/otherpodvow/thing:1", "docker.io/library/thing:2"}, {"sha256:a"}, False),
    ],
)
def test_a_node_has_an_image_when_it_has_all_names_and_the_digest(
    refs: set[str], digests: set[str], *, has: bool
) -> None:
    assert images._node_has((refs, digests), IMAGE, "sha256:a") is has


def test_only_what_a_node_lacks_is_loaded_and_it_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = IMAGE.model_copy(update={"name": "other", "refs": ("podvow/other:1",)})
    for image in (IMAGE, other):
        folder = images.archive_of(image).parent
        folder.mkdir(parents=True)
        write_archive(tree(tmp_path / image.name), image.refs, ImageConfig(), images.archive_of(image))
    monkeypatch.setattr(images, "prepare", lambda progress: [IMAGE, other])  # noqa: ARG005
    access = FakeAccess(
        {
            "ctr -n k8s.io images ls": (0, b"docker.io/podvow/other:1\n"),
            "ctr -n k8s.io content ls": (0, image_id(images.archive_of(other)).encode()),
        }
    )
    assert images.load(access, ["n"]) == 1
    lines = [line for _, line in access.asked]
    assert len([line for line in lines if " ls " in line]) == 2
    assert len([line for line in lines if " import " in line]) == 1


def test_an_image_is_pulled_marked_and_saved_under_all_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = FakeRun({"docker": ""})
    monkeypatch.setattr(images, "run", run)
    image = IMAGE.model_copy(update={"files": {"etc/podvow-image": "blue\n"}})
    assert images._pull(image, tmp_path)
    assert run.began("docker commit") == ["docker commit podvow-image-thing podvow/thing:1"]
    assert run.began("docker tag") == ["docker tag podvow/thing:1 thing:2"]
    assert run.began("docker save")[0].endswith("image.tar podvow/thing:1 thing:2")
    assert run.asked[-1] == "docker rm --force podvow-image-thing"


def test_where_neither_registry_nor_debian_is_there_both_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "run", FakeRun(fails={"docker manifest": 1}))
    monkeypatch.setattr(debian, "host_sources", list)
    with pytest.raises(
        ClusterUnusableError, match=r"image thing cannot be made(.|\n)*thing:stable(.|\n)*Debian 12"
    ):
        images._make(IMAGE, tmp_path, uplink=True)


def test_missing_archives_are_made_and_complete_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(images, "find_engine", lambda: None)
    monkeypatch.setattr(
        images, "_make", lambda image, new, uplink: made.append(f"{image.name} {uplink} {new.name}")
    )
    other = IMAGE.model_copy(update={"name": "other", "refs": ("o:1",)})
    stages.ensure(images.archive_of(other).parent, images._inputs(other), lambda new: (new / "image.tar").touch())
    images.prepare([IMAGE, other])
    images.prepare([IMAGE, other])
    assert made == ["thing False .thing.new"]
