"""Brings everything up, from whatever a run before left: engine, tools, images, cluster."""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster import base_image, existing, kind_config, node_image, own_engine, product_images, state, tools, versions
from cluster.command import output
from cluster.content import content_key
from cluster.engine import Engine, Facts, answering, choose, why_none
from cluster.errors import ClusterError
from cluster.host import lacks_sys_resource
from cluster.kind import Kind
from cluster.node_image import NodeImage
from cluster.progress import say
from cluster.registry import Registry
from cluster.settings import Settings
from cluster.state import State

PATCHES = Path(__file__).parent / "kubeadm-patches"


def engine_for(settings: Settings) -> Engine:
    """The engine to use, started where it must be."""
    docker = answering("docker", own_engine.SOCKET)
    podman = None if docker else answering("podman", own_engine.SOCKET)
    facts = Facts(
        docker_answers=docker is not None,
        podman_answers=podman is not None,
        cluster_in_own=own_engine.has_cluster(settings.name),
        linux=sys.platform == "linux",
        root=os.geteuid() == 0,
        debian=shutil.which("apt-get") is not None,
    )
    choice = choose(facts)
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
    settings.logs.mkdir(parents=True, exist_ok=True)
    if settings.mode == "existing":
        existing.up(settings)
        return
    engine = engine_for(settings)
    programs = tools.ensure(settings)
    registry = Registry(settings, engine)
    image = node_image.ensure(settings, engine, registry)
    base = base_image.ensure(settings, engine, registry)
    kind = Kind(settings, engine, programs)
    with ThreadPoolExecutor(max_workers=1) as pool:
        building = pool.submit(product_images.build, settings, engine, base, product_images.there(settings))
        bring_cluster_up(settings, engine, kind, image)
        built = building.result()
    product_images.load(settings, kind, built)
    say(f"up: the cluster {settings.name} at {(settings.folder / 'endpoint').read_text().strip()}")


def bring_cluster_up(settings: Settings, engine: Engine, kind: Kind, image: NodeImage) -> None:
    """Keeps, starts, creates or recreates the cluster, by what is there."""
    configuration = kind_config.render(
        nodes=settings.nodes,
        own_image=image.own,
        restricted=lacks_sys_resource(),
        map_port=not engine.reachable_nodes,
        patches=PATCHES,
    )
    shape = content_key(configuration, image.name, PATCHES)
    action = state.decide(
        state.read(settings),
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
    if action == "recreate":
        say("the cluster is half made or no longer fits its configuration: it is made anew")
        kind.delete()
    if action in {"create", "recreate"}:
        current = State(settings.name, engine.name, engine.own, "creating", shape)
        state.write(settings, current)
        kind.create(image, configuration)
        current.phase = "created"
        state.write(settings, current)
    elif action == "start":
        kind.start()
        kind.write_kubeconfig()
    kind.wait_until_ready(settings.nodes)
    if image.own and settings.nodes > 1:
        kind.lay_routes()
    write_endpoint(settings, engine, kind)


def write_endpoint(settings: Settings, engine: Engine, kind: Kind) -> None:
    """The front door's base URL, as the host reaches it."""
    if engine.reachable_nodes:
        place = f"{kind.addresses()[kind.control_plane()]}:{versions.ACTIVATOR_NODE_PORT}"
    else:
        port = f"{versions.ACTIVATOR_NODE_PORT}/tcp"
        place = output([engine.client, "port", kind.control_plane(), port], env=engine.env).split()[0]
    (settings.folder / "endpoint").write_text(f"http://{place}\n")
