"""The project's own images: which there are, how they are built, and when they are put into the nodes."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import state
from cluster.base_image import Bases
from cluster.engine.engine import Engine
from cluster.engine.registry import image_id
from cluster.errors import ClusterError
from cluster.host.command import run
from cluster.host.progress import say, step
from cluster.kind.kind import Kind
from cluster.settings import Settings


@dataclass(frozen=True)
class ProductImage:
    """An image built from a Dockerfile of this repository, with the repository's root as its context."""

    name: str
    dockerfile: str


IMAGES = (
    ProductImage("lambent/control-plane:dev", "operator/Dockerfile"),
    ProductImage("lambent/python3.11:dev", "runtime-images/python/Dockerfile"),
)


def there(settings: Settings) -> list[ProductImage]:
    """The images whose Dockerfile exists."""
    found = [image for image in IMAGES if (settings.checkout / image.dockerfile).exists()]
    for image in IMAGES:
        if image not in found:
            say(f"{image.name} is left out: there is no {image.dockerfile}")
    return found


def build(settings: Settings, engine: Engine, bases: Bases, images: Sequence[ProductImage]) -> dict[str, str]:
    """Builds images from their Dockerfiles; their ids by name."""

    def build_one(image: ProductImage) -> str:
        log = settings.logs / f"build-{image.name.replace('/', '-').replace(':', '-')}.log"
        with step(f"building {image.name}", "the container engine"):
            run(
                [
                    engine.client,
                    "build",
                    "--build-arg",
                    f"BASE={bases.runtime}",
                    "--build-arg",
                    f"BUILD_BASE={bases.build}",
                    "-t",
                    image.name,
                    "-f",
                    settings.checkout / image.dockerfile,
                    settings.checkout,
                ],
                log=log,
                env=engine.env,
                do=f"mend {image.dockerfile} by what the log says, then run it again",
            )
        identity = image_id(engine, image.name)
        if identity is None:
            raise ClusterError(f"{image.name} was built but the engine does not have it", log=log)
        return identity

    with ThreadPoolExecutor(max_workers=2) as pool:
        built = dict(zip((image.name for image in images), pool.map(build_one, images), strict=True))
    # Under the chart's own version too: so does `helm install` without values find them.
    for name in [image.name for image in images if image in IMAGES]:
        released = f"{name.removesuffix(':dev')}:{version(settings)}"
        run([engine.client, "tag", name, released], log=settings.logs / "tag.log", env=engine.env)
        built[released] = built[name]
    return built


def version(settings: Settings) -> str:
    """The version that the chart installs by default."""
    text = (settings.checkout / "charts" / "lambent" / "Chart.yaml").read_text(encoding="utf-8")
    found = re.search(r"^appVersion: *\"?([^\s\"]+)", text, re.MULTILINE)
    if found is None:
        raise ClusterError("charts/lambent/Chart.yaml names no appVersion", do="name one")
    return found[1]


def changed(loaded: dict[str, str], built: dict[str, str]) -> list[str]:
    """The images whose nodes have none, or an older one."""
    return [name for name, identity in built.items() if loaded.get(name) != identity]


@contextmanager
def saved(settings: Settings, engine: Engine, names: Sequence[str]) -> Iterator[Path | None]:
    """An archive of images, all in one: what they share is in it once. None where there is nothing to save."""
    if not names:
        yield None
        return
    archive = settings.folder / "images.tar"
    several = ["-m"] if engine.name == "podman" else []
    try:
        with step(f"saving {', '.join(names)}", "the container engine"):
            run([engine.client, "save", *several, "-o", archive, *names], log=settings.logs / "save.log", env=engine.env)
        yield archive
    finally:
        archive.unlink(missing_ok=True)


def load(settings: Settings, kind: Kind, archive: Path | None, loaded: dict[str, str]) -> None:
    """Loads an archive into the nodes and notes which images they have now."""
    current = state.read(settings)
    if current is None:
        raise ClusterError("there is no cluster to load images into", do="run `make up`")
    if archive is None:
        say("every image is in the cluster already")
        return
    with step(f"loading {', '.join(loaded)} into the cluster"):
        kind.load(archive)
    current.loaded |= loaded
    state.write(settings, current)
