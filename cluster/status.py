"""Says what is there: engine, cluster, nodes, images, endpoint."""

from dataclasses import replace
from typing import Literal, cast

from cluster import product_images, state
from cluster.engine import own_engine
from cluster.engine.engine import Engine, answering
from cluster.engine.registry import image_id
from cluster.host import tools
from cluster.host.command import answers
from cluster.kind.kind import Kind
from cluster.settings import Settings


def status(settings: Settings) -> int:
    """Prints it; 0 where the cluster is up, 3 where it is not."""
    current = state.read(settings)
    if current is None:
        print("cluster: none (run `make up`)")
        return 3
    settings = state.settle(replace(settings, mode="kind", name_given=False), current)
    print(f"cluster: {current.cluster} ({current.phase})")
    engine = _engine(current.engine, own=current.own_engine)
    if current.engine != "existing" and engine is None:
        print(f"engine: {current.engine} does not answer (run `make up`)")
        return 3
    if engine is not None:
        print(f"engine: {engine.name}{' of our own on ' + str(own_engine.SOCKET) if engine.own else ''}")
        nodes = Kind(settings, engine, tools.ensure(settings, ("kind", "kubectl"))).containers()
        for name, running in sorted(nodes.items()):
            print(f"node: {name} {'running' if running else 'stopped'}")
        for image in product_images.IMAGES:
            loaded, built = current.loaded.get(image.name), image_id(engine, image.name)
            word = "not loaded" if loaded is None else "loaded" if loaded == built else "loaded; the engine has another build by that name"
            print(f"image: {image.name} {word}")
    endpoint = settings.folder / "endpoint"
    print(f"endpoint: {endpoint.read_text().strip() if endpoint.exists() else 'not known yet'}")
    ready = answers([settings.binaries / "kubectl", "--kubeconfig", settings.kubeconfig, "get", "--raw", "/readyz"], timeout=10)
    print(f"api: {'ready' if ready == 'ok' else 'does not answer'}")
    return 0 if ready == "ok" else 3


def _engine(name: str, *, own: bool) -> Engine | None:
    if name == "existing":
        return None
    if own:
        return own_engine.client() if own_engine.is_answering() else None
    return answering(cast(Literal["docker", "podman"], name), own_engine.SOCKET)
