"""Which hellos of pods from a pool are believed, and what becomes of the others (docs/decisions/0007, "Who is believed")."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lambent.activator.admission.model import Become, FunctionKey, PoolKey
from lambent.activator.cluster.verifier import check_pod
from lambent.activator.links import pool_pods as desk_module
from lambent.activator.links.hello import Hello, Identity, LinkRefusedError, parse_hello
from lambent.activator.links.pool_pods import Desk
from lambent.activator.pool.blueprint import BlueprintError

KEY = FunctionKey("team", "hello")
POOL = PoolKey("team", "python3.11")
LABELS = {"lambent.dev/role": "pool", "lambent.dev/runtime": "python3.11", "lambent.dev/origin": "pool"}
FIELDS = {"protocol": 1, "token": "t", "namespace": "team", "function": "", "revision": "", "pod": "p", "slots": 1, "pool": True}
GENERIC = parse_hello({**FIELDS, "runtime": "python3.11"})


def became(name: str = "hello", revision: str = "r1", **changes: Any) -> Hello:
    return parse_hello({**FIELDS, "runtime": "python3.11", "function": name, "revision": revision, **changes})


def pod(labels: dict[str, str] = LABELS, restarts: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": "p", "uid": "u", "labels": labels}, "status": {"containerStatuses": [{"restartCount": restarts}]}}


def check(hello: Hello, body: dict[str, Any]) -> Identity:
    return check_pod(hello, body, namespace="team", name="p", uid="u")


class World:
    """A desk whose surroundings are written down."""

    def __init__(self) -> None:
        self.retired: list[str] = []
        self.adopted: list[tuple[str, FunctionKey, str, bool]] = []
        self.given_back: list[int] = []
        self.sent: list[bytes] = []
        self.number = 1
        self.frame: bytes | Exception | None = b"frame"
        self.looks: list[Identity] = []
        self.desk = Desk(self, self, self.given_back.append)

    def find(self, function: FunctionKey, revision: str) -> bytes | None:
        if isinstance(self.frame, Exception):
            raise self.frame
        return self.frame

    async def fetch(self, function: FunctionKey, revision: str) -> bytes:
        raise BlueprintError("no such Secret")

    def adopt(self, pod: Identity, function: FunctionKey, revision: str, pods: int, moved: Callable[[], None], *, pause: bool) -> None:
        self.adopted.append((pod.uid, function, revision, pause))

    def retire(self, pod: Identity, namespace: str, why: str) -> None:
        self.retired.append(why)

    def send_become(self, frame: bytes) -> None:
        self.sent.append(frame)

    async def verify(self, hello: Hello) -> Identity:
        return self.looks.pop(0)

    def admit(self, hello: Hello, identity: Identity) -> Identity:
        return asyncio.run(self.desk.admit(hello, identity, self.verify))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(desk_module, "MOVING_SECONDS", (0.0, 0.0))
    return World()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"pool": True}, "runtime of a pool pod's hello must be text"),
        ({"pool": True, "runtime": ""}, "runtime of a pool pod's hello must be text"),
        ({"pool": False}, "function of the hello is empty"),
        ({"pool": "yes", "runtime": "python3.11"}, "function of the hello is empty"),
    ],
)
def test_a_hello_without_a_function_must_name_its_pool(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(LinkRefusedError, match=words):
        parse_hello({**FIELDS, **fields})


def test_a_pod_with_the_pools_labels_is_generic() -> None:
    assert check(GENERIC, pod()) == Identity("p", "u", moved=True, claims=True)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"lambent.dev/function": "hello"}, "belongs to function 'hello', not ''"),
        ({}, "belongs to function None"),
        ({**LABELS, "lambent.dev/runtime": "nodejs20"}, "of the pool 'nodejs20', not 'python3.11'"),
    ],
)
def test_a_pod_is_what_its_labels_say(labels: dict[str, str], words: str) -> None:
    with pytest.raises(LinkRefusedError, match=words):
        check(GENERIC, pod(labels))


@pytest.mark.parametrize(
    ("labels", "restarts", "used"),
    [(LABELS, 1, False), (LABELS, 0, True), ({"lambent.dev/function": "hello", "lambent.dev/origin": "pool"}, 0, False)],
)
def test_a_container_that_may_have_been_a_function_is_generic_no_more_and_its_pod_is_ended(
    world: World, labels: dict[str, str], restarts: int, used: bool
) -> None:
    hello = parse_hello({**FIELDS, "runtime": "python3.11", "used": used})
    identity = check(hello, pod(labels, restarts))

    for _ in range(3):
        with pytest.raises(LinkRefusedError, match="container was restarted"):
            world.admit(hello, identity)
    assert len(world.retired) == 1, "once, however often it asks on its way out"


def test_a_function_that_says_pool_all_the_same_is_no_generic_pod() -> None:
    with pytest.raises(LinkRefusedError, match="belongs to function 'victim', not 'hello'"):
        check(became(), pod({"lambent.dev/function": "victim", "lambent.dev/role": "function"}))


def test_a_pod_that_has_become_a_function_and_was_moved_over_is_that_function() -> None:
    labels = {
        "lambent.dev/function": "hello",
        "lambent.dev/revision": "r1",
        "lambent.dev/role": "function",
        "lambent.dev/origin": "pool",
    }

    assert check(became(), pod(labels, restarts=0)) == Identity("p", "u", claims=True)
    with pytest.raises(LinkRefusedError, match="of revision 'r1', not 'r2'"):
        check(became(revision="r2"), pod(labels, restarts=0))


def test_a_pod_that_says_it_has_become_a_function_is_not_believed_by_its_labels_alone() -> None:
    assert not check(became(), pod()).moved


def test_one_link_of_a_pod_is_enough(world: World) -> None:
    world.desk.opened(1, world.admit(GENERIC, Identity("p", "u")))

    with pytest.raises(LinkRefusedError, match="linked already"):
        world.admit(GENERIC, Identity("p", "u"))
    world.desk.closed(1)
    world.admit(GENERIC, Identity("p", "u"))
    assert world.retired == []


def test_a_pod_that_has_become_a_function_is_never_generic_again(world: World) -> None:
    world.desk.opened(1, world.admit(GENERIC, Identity("p", "u")))
    world.desk.became(1, KEY, "r1", 1, lambda: None, asked=False)
    world.desk.closed(1)

    with pytest.raises(LinkRefusedError, match="generic no more"):
        world.admit(GENERIC, Identity("p", "u"))
    assert len(world.retired) == 1


def test_a_pod_that_was_only_asked_to_is_not_generic_either(world: World) -> None:
    world.desk.opened(1, world.admit(GENERIC, Identity("p", "u")))
    world.desk.send(world, Become(1, KEY, "r1"))
    world.desk.closed(1)

    assert world.sent == [b"frame"]
    with pytest.raises(LinkRefusedError, match="generic no more"):
        world.admit(GENERIC, Identity("p", "u"))


def test_who_has_seen_a_pod_become_a_function_believes_it_before_its_labels_say_so(world: World) -> None:
    world.desk.opened(1, world.admit(GENERIC, Identity("p", "u")))
    world.desk.became(1, KEY, "r1", 1, lambda: None, asked=True)
    world.desk.closed(1)

    assert world.admit(became(), Identity("p", "u", moved=False)) == Identity("p", "u", moved=False)
    assert world.adopted == [("u", KEY, "r1", False)]


@pytest.mark.parametrize("hello", [became("victim"), became(revision="r2")])
def test_a_pod_cannot_say_that_it_has_become_another(world: World, hello: Hello) -> None:
    world.desk.opened(1, world.admit(GENERIC, Identity("p", "u")))
    world.desk.became(1, KEY, "r1", 1, lambda: None, asked=True)
    world.desk.closed(1)
    world.looks = [Identity("p", "u", moved=False)] * 2

    with pytest.raises(LinkRefusedError, match="nobody has seen it become"):
        world.admit(hello, Identity("p", "u", moved=False))
    assert len(world.retired) == 1


def test_who_has_not_seen_it_waits_for_the_labels(world: World) -> None:
    world.looks = [Identity("p", "u", moved=False), Identity("p", "u")]

    assert world.admit(became(), Identity("p", "u", moved=False)).moved


def test_a_pod_that_nobody_moves_over_is_ended(world: World) -> None:
    world.looks = [Identity("p", "u", moved=False)] * 2

    with pytest.raises(LinkRefusedError, match="nobody has seen it become hello"):
        world.admit(became(), Identity("p", "u", moved=False))
    assert world.retired == ["nobody has seen it become hello"]


def test_a_function_that_cannot_be_sent_gives_the_pod_back_unharmed(world: World) -> None:
    world.desk.opened(1, world.admit(GENERIC, Identity("p", "u")))
    world.frame = BlueprintError("another revision")
    world.desk.send(world, Become(1, KEY, "r1"))
    world.desk.closed(1)

    assert (world.given_back, world.sent) == ([1], [])
    assert world.admit(GENERIC, Identity("p", "u")).moved


def test_what_has_to_be_fetched_and_is_not_there_gives_the_pod_back_too(world: World) -> None:
    async def scenario() -> None:
        world.desk.opened(1, await world.desk.admit(GENERIC, Identity("p", "u"), world.verify))
        world.frame = None
        world.desk.send(world, Become(1, KEY, "r1"))
        await world.desk._fetching.finish()

    asyncio.run(scenario())
    assert (world.given_back, world.sent) == ([1], [])
