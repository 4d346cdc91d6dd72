"""`python3 -m cluster up|install|down|status|build|load|image`, run from the root of the checkout."""

import argparse
import os
import sys
import time
from pathlib import Path

from cluster import gvisor, state, times
from cluster import settings as reading
from cluster.down import down
from cluster.errors import ClusterError
from cluster.host.locks import held
from cluster.install import install
from cluster.product_images import ProductImage
from cluster.settings import Settings, checkout_key
from cluster.status import status
from cluster.up import build_images, load_images, up

COMMANDS = {
    "up": "bring the engine, the cluster, the images and Lambent up",
    "install": "install Lambent into the cluster, or upgrade it there",
    "down": "take away all that `up` brought up from this checkout",
    "status": "say what is up",
    "build": "build the project's images",
    "load": "build the project's images and put those that changed into the cluster",
    "gvisor": "put gVisor into the cluster's nodes, with a RuntimeClass `gvisor`",
    "image": "build one more image and put it into the cluster",
}
INTERRUPTED = 130


def _bring_up(settings: Settings) -> None:
    """All of it, timed where a cluster is made."""
    began = time.monotonic()
    makes_cluster = settings.mode == "kind" and state.read(settings) is None
    from_nothing = not (settings.cache / "go").exists()
    up(settings)
    install(settings)
    if makes_cluster:
        times.record(settings, time.monotonic() - began, from_nothing=from_nothing)


def _perform(arguments: argparse.Namespace, settings: Settings) -> int:
    command: str = arguments.command
    if command == "status":
        return status(settings)
    lock = settings.cache / "locks" / f"checkout-{checkout_key(settings.checkout)}"
    with held(lock, "this checkout's cluster"):
        if command == "image":
            load_images(settings, [ProductImage(arguments.name, arguments.dockerfile)])
        else:
            actions = {"up": _bring_up, "install": install, "down": down, "build": build_images, "load": load_images}
            (actions | {"gvisor": gvisor.install})[command](settings)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in COMMANDS.items():
        added = commands.add_parser(name, help=purpose)
        if name == "image":
            added.add_argument("name", help="NAME:TAG")
            added.add_argument("dockerfile", help="its Dockerfile; the checkout is its context")
    arguments = parser.parse_args()
    command: str = arguments.command
    try:
        return _perform(arguments, reading.read(os.environ, Path(__file__).resolve().parent.parent))
    except ClusterError as error:
        print(error.explanation(), file=sys.stderr)
        return 1
    except PermissionError as error:
        print(
            f"error: no permission for {error.filename}\nwhat to do: make it yours to write, or run it as the user who ran `up`",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(f"interrupted: run `python3 -m cluster {command}` again to go on, or `down` to clear up", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
