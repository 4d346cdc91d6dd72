"""The Python image that the project's Dockerfiles start from (`ARG BASE`)."""

from cluster import debian, versions
from cluster.command import run
from cluster.content import content_key
from cluster.engine import Engine
from cluster.registry import Registry, has_image
from cluster.settings import Settings

PACKAGES = ("python3", "python-is-python3", "python3-venv", "python3-pip", "ca-certificates")
# What stands in for `python:3.11-slim` must answer to the same names.
_CHANGES = (
    "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    "ENV PIP_BREAK_SYSTEM_PACKAGES=1",
    'CMD ["python3"]',
)


def ensure(settings: Settings, engine: Engine, registry: Registry) -> str:
    """The name of a Python base image that the engine has."""
    name = f"lambent/base:{content_key(','.join(PACKAGES), *_CHANGES, debian.recipe())}"
    if has_image(engine, name):
        return name
    if registry.pull(versions.USUAL_BASE_IMAGE):
        return versions.USUAL_BASE_IMAGE
    tar = debian.root_tar(settings, "base", PACKAGES)
    changes = [word for change in _CHANGES for word in ("--change", change)]
    run([engine.client, "import", *changes, tar, name], log=settings.logs / "base-image.log", env=engine.env)
    return name
