"""The project's own images: which there are, how they are built, and when they are put into the nodes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cluster import state
from cluster.command import run
from cluster.engine import Engine
from cluster.errors import ClusterError
from cluster.kind import Kind
from cluster.progress import say, step
from cluster.registry import image_id
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


def build(settings: Settings, engine: Engine, base: str, images: Sequence[ProductImage]) -> dict[str, str]:
    """Builds images from their Dockerfiles; their ids by name."""

    def build_one(image: ProductImage) -> str:
        log = settings.logs / f"build-{image.name.replace('/', '-').replace(':', '-')}.log"
        with step(f"building {image.name}", "the container engine"):
            run(
                [engine.client, "build", "--build-arg", f"BASE={base}", "-t", image.name, "-f", settings.checkout / image.dockerfile, settings.checkout],
                log=log,
                env=engine.env,
                do=f"mend {image.dockerfile} by what the log says, then run it again",
            )
        identity = image_id(engine, image.name)
        if identity is None:
            raise ClusterError(f"{image.name} was built but the engine does not have it", log=log)
        return identity

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip((image.name for image in images), pool.map(build_one, images), strict=True))


def changed(loaded: dict[str, str], built: dict[str, str]) -> list[str]:
    """The images whose nodes have none, or an older one."""
    return [name for name, identity in built.items() if loaded.get(name) != identity]


def load(settings: Settings, kind: Kind, built: dict[str, str]) -> None:
    """Loads what changed into the nodes, all in one go: what the images share is sent once."""
    current = state.read(settings)
    if current is None:
        raise ClusterError("there is no cluster to load images into", do="run `make up`")
    names = changed(current.loaded, built)
    if not names:
        say("every image is in the cluster already")
        return
    with step(f"loading {', '.join(names)} into the cluster"):
        kind.load(names)
    current.loaded |= {name: built[name] for name in names}
    state.write(settings, current)
