"""The commands that make and remove what podvow runs on: up, down, node-image, images.

Only options and printing; the work is in podvow.cluster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podvow.cluster import imagelist, lifecycle
from podvow.cluster import images as fixture_images
from podvow.cluster.nodeimage import build as node_images
from podvow.cluster.nodeimage.programs import DEFAULT_VERSION
from podvow.cluster.progress import Progress
from podvow.cluster.provider import DEFAULT_NAME
from podvow.profiles import profile_named

Name = Annotated[str, typer.Option("--name", help="Name of the cluster.")]
_node_image = typer.Typer(help="Node images that are made without a container registry.", no_args_is_help=True)
_images = typer.Typer(help="The images that fixtures use.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to an application."""
    app.command()(up)
    app.command()(down)
    app.add_typer(_node_image, name="node-image")
    app.add_typer(_images, name="images")


def up(
    version: Annotated[
        str | None, typer.Option(help=f"Kubernetes version of a new cluster [default: {DEFAULT_VERSION}].")
    ] = None,
    provider: Annotated[str, typer.Option(help="Who makes the cluster.")] = "kind",
    name: Annotated[str, typer.Option("--name", help="Name of the cluster [default: the profile's].")] = "",
    profile: Annotated[str, typer.Option(help="Make the cluster for this run profile.")] = "default",
    config: Annotated[Path | None, typer.Option(help="kind configuration instead of the profile's.")] = None,
) -> None:
    """Make a cluster, or make sure that it runs. A second call on a running cluster takes seconds."""
    progress = Progress()
    chosen = profile_named(profile)
    cluster = lifecycle.up(
        version, name or chosen.cluster, provider=provider, config=config or chosen.kind_config, progress=progress
    )
    typer.echo(f"{cluster.name} runs {cluster.server_version}; {progress.summary()}")
    typer.echo(f"kubeconfig {cluster.kubeconfig}, context {cluster.context}")


def down(
    name: Name = DEFAULT_NAME,
    all_clusters: Annotated[bool, typer.Option("--all", help="Every cluster that podvow made.")] = False,  # noqa: FBT002
    purge: Annotated[bool, typer.Option(help="Delete the caches too: the next up starts cold.")] = False,  # noqa: FBT002
) -> None:
    """Delete a cluster and stop podvow's own engine. Harmless when there is nothing."""
    deleted = lifecycle.down(name, all_clusters=all_clusters, purge=purge)
    typer.echo(f"deleted: {', '.join(deleted) or 'no cluster was there'}")


@_node_image.command("build")
def node_image_build(version: Annotated[str, typer.Argument(help="Kubernetes version.")] = DEFAULT_VERSION) -> None:
    """Build a node image from Go modules and Debian packages; what is cached is not built again."""
    typer.echo(node_images.build_node_image(version))


@_node_image.command("list")
def node_image_list() -> None:
    """List the node images that were built on this machine."""
    for record in node_images.list_node_images():
        typer.echo(f"{record.get('image')}  {str(record.get('id'))[:19]}")


@_images.command("list")
def images_list() -> None:
    """List the fixture images and whether their archives are made."""
    for image in imagelist.load():
        archive = fixture_images.archive_of(image)
        made = f"{archive.stat().st_size / 1e6:.0f} MB" if archive.is_file() else "not made yet"
        typer.echo(f"{', '.join(image.refs):<24} {made:<13} {image.note}")


@_images.command("load")
def images_load(name: Name = DEFAULT_NAME) -> None:
    """Load onto every node the fixture images that it lacks."""
    fixture_images.prepare()
    cluster = lifecycle.attach(name)
    fixture_images.ensure_fixture_images(cluster)
    missing = fixture_images.missing_images(cluster)
    typer.echo(f"missing: {', '.join(missing) or 'none'}")
