"""Pulls an image where its registry answers, and notices within seconds where it does not."""

from cluster.engine.engine import Engine
from cluster.host.command import answers, succeeds_quickly
from cluster.host.progress import say, step
from cluster.settings import Settings

FIRST_WORD_SECONDS = 10
PULL_SECONDS = 900


class Registry:
    """The engine's image registry; once found silent it is not asked again in this run."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._log = settings.logs / "pull.log"
        self._engine = engine
        self._answering = settings.pull

    def pull(self, image: str) -> bool:
        """Whether the engine has the image now, by a pull where need be."""
        if has_image(self._engine, image):
            return True
        if not self._answering:
            return False
        with step(f"asking for {image}", "the image registry"):
            self._answering = succeeds_quickly(
                [self._engine.client, "pull", image],
                log=self._log,
                env=self._engine.env,
                first_word_within=FIRST_WORD_SECONDS,
                within=PULL_SECONDS,
            )
        if not self._answering:
            say(f"{image} can't be pulled here: it is made from package registries instead")
        return self._answering


def image_id(engine: Engine, image: str) -> str | None:
    found = answers([engine.client, "image", "inspect", "--format", "{{.Id}}", image], env=engine.env, timeout=30)
    return found.strip() if found else None


def has_image(engine: Engine, image: str) -> bool:
    return image_id(engine, image) is not None
