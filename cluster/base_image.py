"""The Python images that the project's Dockerfiles start from (`ARG BASE`, `ARG BUILD_BASE`)."""

from collections.abc import Sequence
from typing import NamedTuple

from cluster import versions
from cluster.engine.engine import Engine
from cluster.engine.registry import Registry, has_image
from cluster.host import debian
from cluster.host.command import run
from cluster.host.content import content_key
from cluster.settings import Settings

PACKAGES = ("python3", "python-is-python3", "python3-venv", "python3-pip", "ca-certificates")
# Compiles the hot modules and functions' locale; not in what runs.
BUILD_PACKAGES = (*PACKAGES, "gcc", "libc6-dev", "locales", "python3-dev")
# What stands in for `python:3.11-slim` must answer to the same names.
_CHANGES = (
    "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    "ENV PIP_BREAK_SYSTEM_PACKAGES=1",
    'CMD ["python3"]',
)


class Bases(NamedTuple):
    """Names of images that the engine has, with the same Python."""

    runtime: str
    build: str
    """With a C compiler and locales' sources; a build that starts from one without gets them from Debian's packages."""


def ensure(settings: Settings, engine: Engine, registry: Registry) -> Bases:
    """Python base images that the engine has."""
    runtime, build = (_name(packages) for packages in (PACKAGES, BUILD_PACKAGES))
    if not has_image(engine, runtime) and registry.pull(versions.USUAL_BASE_IMAGE):
        return Bases(versions.USUAL_BASE_IMAGE, versions.USUAL_BASE_IMAGE)
    for name, root, packages in ((runtime, "base", PACKAGES), (build, "build", BUILD_PACKAGES)):
        if not has_image(engine, name):
            tar = debian.root_tar(settings, root, packages)
            changes = [word for change in _CHANGES for word in ("--change", change)]
            run([engine.client, "import", *changes, tar, name], log=settings.logs / f"{root}-image.log", env=engine.env)
    return Bases(runtime, build)


def _name(packages: Sequence[str]) -> str:
    return f"lambent/base:{content_key(','.join(packages), *_CHANGES, debian.recipe())}"
