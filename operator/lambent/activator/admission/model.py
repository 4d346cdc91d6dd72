"""What admission decides on, and what it decides: invocations, rules of a function, actions. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from lambent.api.reasons import Reason


class FunctionKey(NamedTuple):
    """Which Function."""

    namespace: str
    name: str


class PoolKey(NamedTuple):
    """Which pool of generic pods: pods can't change namespaces."""

    namespace: str
    runtime: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an invocation was not served.

    `error_type` and `stack_trace` are set where the function itself failed before it could be asked (its initialisation):
    callers then get Lambda's error object. `retry_after_seconds` is set where trying again later makes sense.
    """

    reason: Reason
    message: str
    error_type: str = ""
    stack_trace: tuple[str, ...] = ()
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What admission needs to know of a Function's spec and status."""

    concurrency: int = 1
    max_scale: int = 1
    timeout_seconds: float = 3.0
    ready_revision: str = ""
    latest_revision: str = ""
    ready: bool = False
    blocked: Failure | None = None
    """Set where no pod that could start would serve, as far as is known: invocations are answered with this at once."""
    recoverable: bool = False
    """Whether what blocks it may pass by itself (an initialisation that failed): then one invocation in a while tries."""
    pool: str = ""
    """The runtime whose generic pods may become it; empty: it starts by its Deployment alone."""

    @property
    def revision(self) -> str:
        """What new pods are to run."""
        return self.ready_revision or self.latest_revision


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the queues and the patience of the decisions; seconds and bytes."""

    queue_count: int = 1000
    """Waiting invocations of one function at most."""
    queue_bytes: int = 64 * 1024 * 1024
    """Payloads of all waiting invocations at most; one function may use as much as is left free, so that nobody can take it all."""
    queue_seconds: float = 60.0
    start_patience_seconds: float = 0.1
    """Where pods are ready, how long the oldest invocation waits before the activator asks for more of them by itself."""
    settle_seconds: float = 0.01
    """How long pods of a function of which no invocation has ended yet are at work before generic ones are added to them."""
    start_seconds: float = 0.6
    """What a pod takes to start at best: invocations that the pods there are will have taken by then need no other."""
    starts_at_once: int = 3
    """Pods of one function that may always start at the same time; more do where the cluster has room, see `window`."""
    start_trust_seconds: float = 5.0
    """Pods that were asked for so long ago and have not come keep no generic pod from taking their place."""
    start_retry_seconds: float = 1.0
    """When a raised scale has brought no pod, how long until it is asked for again."""
    initialise_again_seconds: float = 5.0
    """Of a function that has never initialised, how often an invocation may try it again; see `trials`."""
    initialise_again_longest_seconds: float = 60.0
    """The longest pause between two tries that start a pod."""
    become_seconds: float = 2.0
    """How long a generic pod may take to say that it has become what it was asked to."""
    unfit_seconds: float = 60.0
    """How long a function whose code or environment could not be had goes without generic pods."""
    ahead_seconds: float = 0.005
    """Invocations of a function that take no longer may be sent to a pod ahead of a slot, as many as it has slots: its worker then has the
    next one at once, where it would wait for the way to the activator and back."""
    ahead_bytes: int = 64 * 1024
    """Payloads over this are not sent ahead: they would fill a pod's memory."""
    ahead_pause_seconds: float = 0.5
    """How long none is sent ahead once one has come back unstarted."""
    payload_bytes: int = 128 * 1024 * 1024
    """Payloads that are held at most: those that wait, those under way, and answers that have not come whole."""
    answer_grace_seconds: float = 15.0
    """How long after a function's timeout its shim may still answer before it counts as broken."""


class State(Enum):
    """Where an invocation is."""

    NEW = auto()
    WAITING = auto()
    SENT = auto()
    DONE = auto()


class Invocation:
    """One invocation on its way. Admission owns all fields but `waiter`, `begun` and `sent`, which belong to the edges."""

    __slots__ = (
        "ahead",
        "begun",
        "bounces",
        "dispatched_at",
        "enqueued_at",
        "function",
        "link",
        "meta",
        "number",
        "payload",
        "sent",
        "sequence",
        "state",
        "tail",
        "taken",
        "trial",
        "waited_for_start",
        "waiter",
        "wants_more",
    )

    def __init__(self, function: FunctionKey, meta: bytes, payload: bytes, *, tail: bool = False, waiter: Any = None) -> None:
        self.function = function
        self.meta = meta
        """Encoded JSON of the INVOKE frame."""
        self.payload = payload
        self.tail = tail
        """Whether the last 4 KiB of its log are wanted."""
        self.waiter = waiter
        """Whatever the edge needs to answer; not looked at here."""
        self.state = State.NEW
        self.sequence = 0
        self.enqueued_at = 0.0
        self.dispatched_at = 0.0
        self.link = 0
        self.number = 0
        """Its id on the link."""
        self.begun = False
        """Whether its first byte has left: from then on its shim knows of it."""
        self.sent = False
        """Whether its last byte has left: from then on its handler may have started."""
        self.taken = False
        """Whether its shim has it for good, so that its payload is kept no longer."""
        self.wants_more = False
        """Whether it was sent with WAITING."""
        self.ahead = False
        """Whether it was sent though no slot is known to be free: its shim may keep it for a moment."""
        self.trial = False
        """Whether it tries a function that is blocked."""
        self.waited_for_start = False
        """Whether no pod was there when it came."""

    def __repr__(self) -> str:
        return f"<Invocation {self.function.namespace}/{self.function.name} #{self.sequence} {self.state.name}>"


class Send(NamedTuple):
    """INVOKE on a link, then BODY until the payload is out."""

    link: int
    invocation: Invocation


class Cancel(NamedTuple):
    """CANCEL on a link."""

    link: int
    number: int


class Want(NamedTuple):
    """WANT on a link."""

    link: int


class Return(NamedTuple):
    """RETURN of so many slots on a link."""

    link: int
    slots: int


class Fail(NamedTuple):
    """Answer the caller: it will not be served."""

    invocation: Invocation
    failure: Failure


class Start(NamedTuple):
    """Bring the function to at least that many pods."""

    function: FunctionKey
    replicas: int


class Become(NamedTuple):
    """BECOME on the link of a generic pod."""

    link: int
    function: FunctionKey
    revision: str


class Retire(NamedTuple):
    """Have the pod behind a link ended: it is of no use to anybody."""

    link: int
    why: str


class Close(NamedTuple):
    """Break the link: its shim no longer keeps to the protocol."""

    link: int
    why: str


Action = Send | Cancel | Want | Return | Fail | Start | Become | Retire | Close
