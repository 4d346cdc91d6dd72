"""What a shim may say, and when: the stages of a link, and the frames that each takes (docs/runtime-contract.md, "The link"). Pure.

Everything else closes the link. Which ids a RESULT may bear is for admission to say, which knows what is under way.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

from lambent.api import link as wire


class Stage(IntEnum):
    """Where a link is. From GENERIC on, its shim is proved and welcomed."""

    CONNECTED = auto()
    """The WebSocket is open, and nothing was said."""
    VERIFYING = auto()
    """It has said HELLO, which is being verified."""
    GENERIC = auto()
    """Its pod is no function's."""
    GENERIC_DRAINING = auto()
    STARTING = auto()
    """Its pod is a function's that has not initialised."""
    STARTING_DRAINING = auto()
    SERVING = auto()
    DRAINING = auto()
    """It takes no more, and answers what it has."""
    CLOSED = auto()


_ANSWERS: Final = (wire.RESULT, wire.RESULT_BODY, wire.BOUNCE, wire.GRANT, wire.INIT, wire.BECAME)

NEXT: Final[dict[Stage, dict[int, Stage]]] = {
    Stage.CONNECTED: {wire.HELLO: Stage.VERIFYING},
    Stage.VERIFYING: {},
    Stage.GENERIC: {wire.BECAME: Stage.GENERIC, wire.DRAINING: Stage.GENERIC_DRAINING},
    Stage.GENERIC_DRAINING: {wire.BECAME: Stage.GENERIC_DRAINING},
    Stage.STARTING: {wire.INIT: Stage.SERVING, wire.BECAME: Stage.STARTING, wire.DRAINING: Stage.STARTING_DRAINING},
    Stage.STARTING_DRAINING: {wire.INIT: Stage.DRAINING, wire.BECAME: Stage.STARTING_DRAINING},
    Stage.SERVING: {**dict.fromkeys(_ANSWERS, Stage.SERVING), wire.DRAINING: Stage.DRAINING},
    Stage.DRAINING: dict.fromkeys(_ANSWERS, Stage.DRAINING),
    Stage.CLOSED: {},
}
"""By stage and kind of frame: the stage that follows. A kind that is not there is not taken."""

OF_A_FUNCTION: Final = {Stage.GENERIC: Stage.STARTING, Stage.GENERIC_DRAINING: Stage.STARTING_DRAINING}
"""What follows where a generic pod has become a function."""


def word_refusal(stage: Stage, kind: int) -> str:
    """Why a frame of that kind is not taken in that stage."""
    if stage <= Stage.VERIFYING:
        return "before WELCOME a shim says one HELLO and nothing else"
    return f"a frame of kind {kind:#x} is not one that a shim sends in the stage {stage.name}"
