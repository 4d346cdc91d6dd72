"""Brings everything up, from whatever a run before left: engine, tools, images, cluster."""

import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cluster import base_image, existing, product_images, state, versions
from cluster.base_image import Bases
from cluster.engine import own_engine
from cluster.engine.engine import Engine, Facts, answering, choose, why_none
from cluster.engine.registry import Registry
from cluster.errors import ClusterError
from cluster.host import tools
from cluster.host.capabilities import lacks_sys_resource
from cluster.host.command import output
from cluster.host.content import content_key
from cluster.host.go_build import NODE_PROGRAMS, build
from cluster.host.locks import held
from cluster.host.progress import say
from cluster.kind import kind_config, node_image
from cluster.kind.kind import Kind
from cluster.kind.node_image import NodeImage
from cluster.product_images import ProductImage
from cluster.settings import Settings
from cluster.state import State

PATCHES = Path(__file__).parent / "kubeadm-patches"


def engine_for(settings: Settings) -> Engine:
    """The engine to use, started where it must be."""
    current = state.read(settings)
    docker = answering("docker", own_engine.SOCKET)
    podman = None if docker else answering("podman", own_engine.SOCKET)
    facts = Facts(
        docker_answers=docker is not None,
        podman_answers=podman is not None,
        cluster_in_own=own_engine.has_cluster(settings.name) or (current is not None and current.own_engine),
        linux=sys.platform == "linux",
        root=os.geteuid() == 0,
        debian=shutil.which("apt-get") is not None,
    )
    choice = choose(facts)
    wanted = "own" if current and current.own_engine else current.engine if current else "existing"
    if wanted not in {"existing", choice}:
        raise ClusterError(
            f"the cluster of this checkout is in {wanted}, which is not the engine that answers now",
            do=f"start {wanted} and run it again; or, if it is gone for good, remove the folder .cluster",
        )
    if choice == "own" and not facts.root:
        raise ClusterError("the engine of this checkout's cluster was started by root", do="run it as root")
    if choice == "own":
        return own_engine.ensure(settings)
    engine = docker or podman
    if engine is None:
        raise ClusterError(
            why_none(facts),
            do="start Docker or Podman and run it again; or run `make dev`, which needs neither an engine nor root",
        )
    say(f"using the {engine.name} that answers; it is left as it is")
    return engine


def up(settings: Settings) -> None:
    settings = state.settle(settings, state.read(settings))
    settings.logs.mkdir(parents=True, exist_ok=True)
    if settings.mode == "existing":
        existing.up(settings)
        return
    engine = engine_for(settings)
    programs, image, bases = _prepare_parts(settings, engine)
    kind = Kind(settings, engine, programs)
    plan = plan_cluster(settings, engine, kind, image)
    with ExitStack() as stack, ThreadPoolExecutor(max_workers=1) as pool:
        images = pool.submit(_prepare_images, settings, engine, bases, plan.loaded, stack, product_images.there(settings))
        bring_cluster_up(settings, engine, kind, plan)
        archive, ids = images.result()
        product_images.load(settings, kind, archive, ids)
    kind.wait_until_ready(settings.nodes)
    say(f"up: the cluster {settings.name}, its endpoint {(settings.folder / 'endpoint').read_text().strip()}")


def _prepare_parts(settings: Settings, engine: Engine) -> tuple[dict[str, Path], NodeImage, Bases]:
    """Tools, node image and base images: programs are compiled while Debian roots are made."""
    registry = Registry(settings, engine)
    image = node_image.find(engine, registry)

    def make_roots() -> tuple[Bases, Path | None]:
        node_root = node_image.root(settings) if image is None else None
        return base_image.ensure(settings, engine, registry), node_root

    with ThreadPoolExecutor(max_workers=1) as pool:
        roots = pool.submit(make_roots)
        programs = tools.ensure(settings, also=NODE_PROGRAMS if image is None else ())
        bases, node_root = roots.result()
    if node_root is not None:
        image = node_image.make(settings, engine, build(settings, NODE_PROGRAMS, system="linux"), node_root)
    assert image is not None
    return programs, image, bases


def _prepare_images(
    settings: Settings, engine: Engine, bases: Bases, loaded: dict[str, str], stack: ExitStack, images: Sequence[ProductImage]
) -> tuple[Path | None, dict[str, str]]:
    """Builds images; an archive of those that the nodes lack, and their ids."""
    # Two checkouts share an engine and so the images' names: what is saved is what was built here.
    with held(settings.cache / "locks" / "product-images", "the build of the project's images"):
        built = product_images.build(settings, engine, bases, images)
        names = product_images.changed(loaded, built)
        archive = stack.enter_context(product_images.saved(settings, engine, names))
    return archive, {name: built[name] for name in names}


def build_images(settings: Settings) -> None:
    """Builds the project's images, with the engine that the cluster is in."""
    settings = state.settle(settings, state.read(settings))
    settings.logs.mkdir(parents=True, exist_ok=True)
    engine = engine_for(settings)
    bases = base_image.ensure(settings, engine, Registry(settings, engine))
    product_images.build(settings, engine, bases, product_images.there(settings))


def load_images(settings: Settings, images: Sequence[ProductImage] | None = None) -> None:
    """Builds images (by default the project's own) and puts those that changed into the cluster."""
    current = state.read(settings)
    settings = state.settle(settings, current)
    if current is None or current.engine == "existing":
        raise ClusterError("this checkout has no kind cluster to load images into", do="run `make up` first")
    engine = engine_for(settings)
    bases = base_image.ensure(settings, engine, Registry(settings, engine))
    with ExitStack() as stack:
        wanted = product_images.there(settings) if images is None else images
        archive, ids = _prepare_images(settings, engine, bases, current.loaded, stack, wanted)
        product_images.load(settings, Kind(settings, engine, tools.ensure(settings)), archive, ids)


@dataclass(frozen=True)
class Plan:
    """What is to be done about the cluster."""

    action: state.Action
    image: NodeImage
    configuration: str
    shape: str
    loaded: dict[str, str]
    """The images that its nodes will still have."""


def plan_cluster(settings: Settings, engine: Engine, kind: Kind, image: NodeImage) -> Plan:
    """Compares what is there with what is wanted."""
    configuration = kind_config.render(
        nodes=settings.nodes,
        own_image=image.own,
        restricted=lacks_sys_resource(),
        map_port=not engine.reachable_nodes,
        patches=PATCHES,
    )
    shape = content_key(configuration, image.name, PATCHES)
    current = state.read(settings)
    action = state.decide(
        current,
        cluster=settings.name,
        shape=shape,
        containers=kind.containers(),
        claimed=engine.own or not settings.name_given,
        nodes=settings.nodes,
    )
    if action == "refuse":
        raise ClusterError(
            f"there is a kind cluster {settings.name!r} that was not started from this checkout",
            do="set CLUSTER_NAME to another name",
        )
    stays = current is not None and action in {"keep", "start"}
    return Plan(action, image, configuration, shape, current.loaded if current and stays else {})


def bring_cluster_up(settings: Settings, engine: Engine, kind: Kind, plan: Plan) -> None:
    """Keeps, starts, creates or recreates the cluster, by the plan."""
    if plan.action == "recreate":
        say("the cluster is half made or no longer fits its configuration: it is made anew")
        kind.delete()
    if plan.action in {"create", "recreate"}:
        current = State(settings.name, engine.name, engine.own, "creating", plan.shape, nodes=settings.nodes)
        state.write(settings, current)
        kind.create(plan.image, plan.configuration)
        current.phase = "created"
        state.write(settings, current)
    elif plan.action == "start":
        kind.start()
        kind.write_kubeconfig()
    elif not settings.kubeconfig.exists():
        kind.write_kubeconfig()
    if plan.image.own and settings.nodes > 1:
        kind.wait_until_ready(settings.nodes)
        kind.lay_routes()
    write_endpoint(settings, engine, kind)


def write_endpoint(settings: Settings, engine: Engine, kind: Kind) -> None:
    """The base URL of the endpoint, as the host reaches it."""
    if engine.reachable_nodes:
        place = f"{kind.addresses()[kind.control_plane()]}:{versions.ACTIVATOR_NODE_PORT}"
    else:
        port = f"{versions.ACTIVATOR_NODE_PORT}/tcp"
        place = output([engine.client, "port", kind.control_plane(), port], env=engine.env).split()[0]
    (settings.folder / "endpoint").write_text(f"http://{place}\n")
