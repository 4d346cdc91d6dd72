"""The kind node image: the usual one where it can be pulled, else one made from package registries alone."""

import ipaddress
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cluster import versions
from cluster.engine.engine import Engine
from cluster.engine.registry import Registry, has_image
from cluster.host import debian
from cluster.host.command import answers, output, run
from cluster.host.content import content_key
from cluster.host.go_build import MODULES, NODE_PROGRAMS, architecture
from cluster.host.locks import held
from cluster.host.progress import step
from cluster.settings import Settings

PACKAGES = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iptables",
    "ipset",
    "nftables",
    "conntrack",
    "iproute2",
    "procps",
    "mount",
    "util-linux",
    "kmod",
    "ethtool",
    "socat",
    "ca-certificates",
)
_HERE = Path(__file__).parents[1]
_TARGETS = {"etcd": "etcd", "coredns": "coredns", "pause": "pause"}


@dataclass(frozen=True)
class NodeImage:
    """What `kind create cluster` is given."""

    name: str
    own: bool
    """Made here: without systemd and without a network plugin of its own."""


def own_name() -> str:
    """Named by all that goes into it."""
    addresses = f"{versions.POD_SUBNET} {versions.NODE_POD_MASK} {versions.SERVICE_SUBNET}"
    recipe = (",".join(PACKAGES), versions.KUBERNETES, addresses, debian.recipe())
    key = content_key(MODULES, _HERE / "node", _HERE / "images", *recipe)
    return f"lambent/node:{versions.KUBERNETES}-{key}"


def find(engine: Engine, registry: Registry) -> NodeImage | None:
    """A node image that the engine has or can pull."""
    name = own_name()
    if has_image(engine, name):
        return NodeImage(name, own=True)
    if registry.pull(versions.USUAL_NODE_IMAGE):
        return NodeImage(versions.USUAL_NODE_IMAGE, own=False)
    return None


def root(settings: Settings) -> Path:
    """The Debian root that a node of our own starts from."""
    return debian.root_tar(settings, "node", PACKAGES)


def make(settings: Settings, engine: Engine, programs: dict[str, Path], root_tar: Path) -> NodeImage:
    """Makes our own node image out of programs and a Debian root."""
    name = own_name()
    with held(settings.cache / "locks" / "node-image", "the node image's build"):
        if not has_image(engine, name):
            with (
                step(f"building the node image {name}", "the container engine"),
                tempfile.TemporaryDirectory(dir=settings.cache) as folder,
            ):
                _assemble(settings, engine, name, root_tar, programs, Path(folder))
                _remove_older(engine, name)
    return NodeImage(name, own=True)


def _remove_older(engine: Engine, name: str) -> None:
    """In our own engine, older node images go, but for those that a cluster still uses: each is 0.7 GB."""
    if engine.own:
        listed = answers([engine.client, "images", "--format", "{{.Repository}}:{{.Tag}}", "lambent/node"], env=engine.env)
        for older in (listed or "").split():
            if older != name:
                answers([engine.client, "rmi", older], env=engine.env, timeout=60)


def first_pod_range() -> str:
    """What the controller manager gives to the first node."""
    pods = ipaddress.ip_network(versions.POD_SUBNET)
    return str(next(iter(pods.subnets(new_prefix=versions.NODE_POD_MASK))))


def target_of(image: str) -> str:
    """Which target of Dockerfile.control-plane stands for an image that kubeadm names."""
    return _TARGETS.get(image.rpartition("/")[2].partition(":")[0], "kube")


def _assemble(settings: Settings, engine: Engine, name: str, tar: Path, programs: dict[str, Path], context: Path) -> None:
    log = settings.logs / "node-image.log"
    imported = f"lambent/node-root:{tar.stem}"

    def docker(*arguments: str | Path) -> None:
        run([engine.client, *arguments], log=log, env=engine.env)

    docker("import", tar, imported)
    for program in NODE_PROGRAMS:
        shutil.copy(programs[program], context / program)
    shutil.copytree(_HERE / "node", context / "node")
    listed = output([programs["kube"], "kubeadm", "config", "images", "list", "--kubernetes-version", versions.KUBERNETES])
    images = listed.split()
    for image in images:
        docker(
            "build",
            "-q",
            "--build-arg",
            f"ROOT={imported}",
            "--target",
            target_of(image),
            "-t",
            image,
            "-f",
            _HERE / "images/Dockerfile.control-plane",
            context,
        )
    docker("save", "-o", context / "images.tar", *images)
    pause = next(image for image in images if target_of(image) == "pause")
    template = context / "node/containerd.toml"
    template.write_text(template.read_text().replace("@PAUSE@", pause))
    (context / "version").write_text(versions.KUBERNETES + "\n")
    (context / "pod-subnet").write_text(versions.POD_SUBNET + "\n")
    (context / "service-subnet").write_text(versions.SERVICE_SUBNET + "\n")
    (context / "first-pod-range").write_text(f"{first_pod_range()}\n")
    for program in ("etcd", "coredns", "pause"):
        (context / program).unlink()
    docker(
        "build",
        "-q",
        "--build-arg",
        f"ROOT={imported}",
        "--label",
        f"lambent.architecture={architecture()}",
        "-t",
        name,
        "-f",
        _HERE / "images/Dockerfile.node",
        context,
    )
    docker("rmi", *images)
