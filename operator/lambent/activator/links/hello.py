"""HELLO: what a shim says of itself, checked for its shape. Whether it is true is for a verifier to say. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambent.activator.admission.model import FunctionKey, PoolKey
from lambent.activator.links.initialization import parse_phases
from lambent.api import link as wire

MAX_HELLO_BYTES = 32 * 1024
MAX_SLOTS = 1000


class LinkRefusedError(Exception):
    """The hello cannot be believed or used; its text says why."""


class UnverifiedError(LinkRefusedError):
    """Nobody could be asked whether the hello is true, which is not its shim's fault."""


class DuplicateLinkError(LinkRefusedError):
    """The hello is true, and its pod is linked already."""


@dataclass(frozen=True, slots=True)
class Hello:
    """HELLO, checked for shape only: who it claims to be is for a verifier to believe."""

    token: str
    function: FunctionKey
    revision: str
    pod: str
    slots: int
    draining: bool
    phases: dict[str, float]
    pool: PoolKey | None = None
    """The pool it comes from; None for a pod that was started as a function's."""
    used: bool = False
    """Whether its container has been a function before it was restarted."""
    ahead: bool = False
    """Whether it keeps invocations that are sent ahead of a slot."""

    @property
    def generic(self) -> bool:
        """Whether it is no function's yet."""
        return self.pool is not None and not self.function.name


@dataclass(frozen=True, slots=True)
class Identity:
    """What a token proves, and a look at the pod confirms."""

    pod: str
    uid: str
    moved: bool = True
    """Whether the pod's labels say what the hello does; false for one that says it has become a function, and whose labels do not yet."""
    spoiled: str = ""
    """Why a pod that says it is generic can be of no use to anybody any more; empty where it can."""
    claims: bool = False
    """Whether its slots are what the hello says, and not what the API server says of the pod."""


def parse_hello(fields: dict[str, Any]) -> Hello:
    """The fields of HELLO; raises `LinkRefusedError` naming what does not fit."""
    if fields.get("protocol") != wire.PROTOCOL:
        raise LinkRefusedError(f"protocol {fields.get('protocol')!r} is not spoken here; {wire.PROTOCOL} is")
    texts: dict[str, str] = {}
    for name in ("token", "namespace", "function", "revision", "pod"):
        value = fields.get(name)
        if not isinstance(value, str) or len(value) > MAX_HELLO_BYTES:
            raise LinkRefusedError(f"{name} of the hello must be text, not {type(value).__name__}")
        texts[name] = value
    slots = fields.get("slots")
    if not isinstance(slots, int) or isinstance(slots, bool) or not 1 <= slots <= MAX_SLOTS:
        raise LinkRefusedError(f"slots of the hello must be 1 to {MAX_SLOTS}, not {slots!r}")
    pool = None
    if fields.get("pool") is True:
        runtime = fields.get("runtime")
        if not isinstance(runtime, str) or not runtime:
            raise LinkRefusedError(f"runtime of a pool pod's hello must be text, not {runtime!r}")
        pool = PoolKey(texts["namespace"], runtime)
    elif not texts["function"]:
        raise LinkRefusedError("function of the hello is empty")
    return Hello(
        token=texts["token"],
        function=FunctionKey(texts["namespace"], texts["function"]),
        revision=texts["revision"],
        pod=texts["pod"],
        slots=slots,
        draining=bool(fields.get("draining")),
        phases=parse_phases(fields),
        pool=pool,
        used=fields.get("used") is True,
        ahead=fields.get("ahead") is True,
    )
