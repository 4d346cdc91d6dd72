"""The activator's edges in a cluster: their decisions, and their dealings with a scripted API server."""

import asyncio
import base64
import json
from typing import Any

import pytest

from lambent.activator.admission.model import FunctionKey
from lambent.activator.cluster.peers import addresses_of
from lambent.activator.cluster.provisioner import KubeProvisioner
from lambent.activator.cluster.reporter import KubeReporter, is_news, shorten
from lambent.activator.cluster.verifier import KubeVerifier, check_pod, claimed_pod
from lambent.activator.cluster.watcher import keep_function, keep_trigger
from lambent.activator.links.hello import Hello, LinkRefusedError
from lambent.api.functions.function import Function
from lambent.api.functions.status import FAILED, SUCCEEDED, Initialization
from lambent.kube.backoff import Backoff
from lambent.kube.errors import ConflictError, KubeUnavailableError, NotFoundError

KEY = FunctionKey("team", "hello")
QUICK = Backoff(first_seconds=0.0, longest_seconds=0.0)


def token(pod: object = "hello-1") -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"kubernetes.io": {"pod": {"name": pod}}}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


def hello(**changes: Any) -> Hello:
    fields = {"token": token(), "function": KEY, "revision": "r1", "pod": "hello-1", "slots": 1, "draining": False, "phases": {}}
    return Hello(**{**fields, **changes})


POD = {
    "metadata": {"name": "hello-1", "uid": "u1", "labels": {"lambent.dev/function": "hello", "lambent.dev/revision": "r1"}},
    "spec": {"containers": [{"name": "function", "env": [{"name": "LAMBENT_SHIM", "value": '{"concurrency": 1}'}]}]},
}


class ScriptedClient:
    """Answers as told, and remembers what it was asked."""

    def __init__(self, *, pod: Any = POD, review: dict[str, Any] | None = None, scale: int = 0) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.errors: list[Exception] = []
        self.pod = pod
        self.scale = scale
        self.review = review or {
            "authenticated": True,
            "audiences": ["lambent"],
            "user": {
                "username": "system:serviceaccount:team:default",
                "extra": {"authentication.kubernetes.io/pod-name": ["hello-1"], "authentication.kubernetes.io/pod-uid": ["u1"]},
            },
        }

    async def get(self, path: str) -> Any:
        self.asked.append(("GET", path, None))
        await asyncio.sleep(0)
        if path.endswith("/scale"):
            if self.errors:
                raise self.errors.pop(0)
            return {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": self.scale}}
        if isinstance(self.pod, Exception):
            raise self.pod
        return self.pod

    async def create(self, path: str, body: Any) -> Any:
        self.asked.append(("POST", path, body))
        await asyncio.sleep(0)
        return {"status": self.review}

    async def patch(self, path: str, body: Any, **more: Any) -> Any:
        self.asked.append(("PATCH", path, body))
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        if path.endswith("/scale"):
            self.scale = body["spec"]["replicas"]
            return {"metadata": {"resourceVersion": "2"}, "spec": {"replicas": self.scale}}
        return {}


def test_a_true_hello_is_believed_by_one_review_and_one_read() -> None:
    client = ScriptedClient()

    asyncio.run(KubeVerifier(client).verify(hello()))  # type: ignore[arg-type]

    assert sorted((method, path) for method, path, _ in client.asked) == [
        ("GET", "/api/v1/namespaces/team/pods/hello-1"),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews"),
    ]


@pytest.mark.parametrize(
    ("client", "said", "why"),
    [
        (ScriptedClient(), hello(token=""), "bound to no pod"),
        (ScriptedClient(), hello(token="a.b.c"), "bound to no pod"),
        (ScriptedClient(), hello(token=token("../secrets/x")), "bound to no pod"),
        (ScriptedClient(review={"authenticated": False, "error": "expired"}), hello(), "token refused: expired"),
        (ScriptedClient(pod=NotFoundError(404, "NotFound", "no")), hello(), "no pod hello-1"),
        (ScriptedClient(pod=KubeUnavailableError(0, "NoConnection", "no")), hello(), "could not be asked: NoConnection"),
        (ScriptedClient(), hello(function=FunctionKey("team", "other")), "belongs to function 'hello'"),
        (ScriptedClient(), hello(function=FunctionKey("elsewhere", "hello")), "the token is of namespace team"),
    ],
)
def test_a_hello_that_is_not_true_is_refused_with_its_reason(client: ScriptedClient, said: Hello, why: str) -> None:
    with pytest.raises(LinkRefusedError, match=why):
        asyncio.run(KubeVerifier(client).verify(said))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (hello(slots=1000), "made with a concurrency of 1, not 1000"),
        (hello(revision="r2"), "of revision 'r1', not 'r2'"),
        (hello(revision=""), "of revision 'r1', not ''"),
    ],
)
def test_a_pod_is_what_it_was_made_as_whatever_its_hello_says(said: Hello, why: str) -> None:
    with pytest.raises(LinkRefusedError, match=why):
        check_pod(said, POD, namespace="team", name="hello-1", uid="u1")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"concurrency": "1"}', '{"concurrency": true}'])
def test_a_pod_that_does_not_say_what_it_was_made_as_is_refused(text: str) -> None:
    spec = {"containers": [{"name": "function", "env": [{"name": "LAMBENT_SHIM", "value": text}]}]}

    for pod in ({**POD, "spec": spec}, {**POD, "spec": {}}):
        with pytest.raises(LinkRefusedError, match="concurrency of nobody knows what"):
            check_pod(hello(), pod, namespace="team", name="hello-1", uid="u1")


def test_few_hellos_are_asked_about_at_a_time() -> None:
    most = now = 0

    class Slow(ScriptedClient):
        async def create(self, path: str, body: Any) -> Any:
            nonlocal most, now
            now += 1
            most = max(most, now)
            for _ in range(3):
                await asyncio.sleep(0)
            now -= 1
            return {"status": self.review}

    async def scenario() -> None:
        verifier = KubeVerifier(Slow(), 4)  # type: ignore[arg-type]
        await asyncio.gather(*(verifier.verify(hello()) for _ in range(50)))

    asyncio.run(scenario())
    assert most == 4


def test_a_pod_that_was_replaced_under_its_name_is_refused() -> None:
    with pytest.raises(LinkRefusedError, match="another pod"):
        check_pod(hello(), POD, namespace="team", name="hello-1", uid="u0")


def test_a_token_bound_to_no_pod_is_refused() -> None:
    with pytest.raises(LinkRefusedError, match="another pod"):
        check_pod(hello(), {"metadata": {"name": "", "uid": ""}}, namespace="team", name="", uid="")


@pytest.mark.parametrize("text", ["", "a", "a.!!.c", "a.e30.c", token(7), "a.W10.c"])
def test_a_token_without_a_pod_claims_none(text: str) -> None:
    assert claimed_pod(text) == ""


async def fly(provisioner: KubeProvisioner) -> None:
    while provisioner._flights:  # noqa: ASYNC110 - the loop's next turn is all that is waited for
        await asyncio.sleep(0)


class StartGates:
    """`lifted`: when a pod was let go."""

    def __init__(self, lifted: float | None = None) -> None:
        self.lifted = lifted

    def lifted_at(self, function: FunctionKey) -> float | None:
        return self.lifted


def test_a_start_was_written_when_its_pod_was_let_go() -> None:
    soon = 4e9

    async def raise_one(gates: StartGates) -> list[float | None]:
        provisioner = KubeProvisioner(ScriptedClient(), lambda _: 5, gates, QUICK)  # type: ignore[arg-type]
        before = provisioner.raised_at(KEY)
        provisioner.raise_to(KEY, 1)
        await fly(provisioner)
        return [before, provisioner.raised_at(KEY)]

    none, raised = asyncio.run(raise_one(StartGates()))
    assert none is None
    assert raised is not None
    assert raised < soon
    assert asyncio.run(raise_one(StartGates(soon))) == [soon, soon]


def test_one_flight_per_function_takes_the_highest_wish_along() -> None:
    client = ScriptedClient()

    async def scenario() -> None:
        provisioner = KubeProvisioner(client, lambda _: 5, StartGates(), QUICK)  # type: ignore[arg-type]
        for replicas in (1, 2, 9, 3):
            provisioner.raise_to(KEY, replicas)
        await fly(provisioner)

    asyncio.run(scenario())

    writes = [body["spec"]["replicas"] for method, _, body in client.asked if method == "PATCH"]
    assert writes == [5]
    assert client.asked[0][1] == "/apis/apps/v1/namespaces/team/deployments/hello/scale"


def test_an_api_server_that_is_away_is_asked_again() -> None:
    client = ScriptedClient()
    client.errors = [KubeUnavailableError(0, "NoConnection", "no"), NotFoundError(404, "NotFound", "not yet")]

    async def scenario() -> None:
        provisioner = KubeProvisioner(client, lambda _: 5, StartGates(), QUICK)  # type: ignore[arg-type]
        provisioner.raise_to(KEY, 2)
        await fly(provisioner)

    asyncio.run(scenario())

    assert client.scale == 2


GOOD = Initialization("r1", SUCCEEDED, 12.0)
BAD = Initialization("r1", FAILED, 0.0, "Runtime.ImportModuleError", "no module")


@pytest.mark.parametrize(
    ("outcome", "known", "revisions", "news"),
    [
        (GOOD, None, ("r1", ""), True),
        (GOOD, None, None, True),
        (GOOD, Initialization("r1", SUCCEEDED, 99.0), ("r1", ""), False),
        (BAD, GOOD, ("r1", ""), False),
        (BAD, GOOD, ("r1", "r1"), False),
        (BAD, BAD, ("r1", ""), False),
        (Initialization("r1", FAILED, 0.0, "Runtime.ImportModuleError", "other"), BAD, ("r1", ""), True),
        (GOOD, Initialization("r0", SUCCEEDED), ("r1", "r0"), True),
        (Initialization("r0", SUCCEEDED), BAD, ("r1", "r0"), False),
        (Initialization("old", SUCCEEDED), GOOD, ("r1", "r1"), False),
        (Initialization("r0", SUCCEEDED), None, ("r1", "r0"), True),
    ],
)
def test_only_news_is_written(outcome: Initialization, known: Initialization | None, revisions: tuple[str, str] | None, news: bool) -> None:
    assert is_news(outcome, known, revisions) is news


def test_an_outcome_is_written_again_after_a_failure_and_the_last_one_wins() -> None:
    client = ScriptedClient()
    client.errors = [ConflictError(409, "Conflict", "no")]

    async def scenario() -> None:
        reporter = KubeReporter(client, lambda _: None, lambda _: ("r1", ""), QUICK, pause_seconds=0)  # type: ignore[arg-type]
        reporter.report(KEY, BAD)
        reporter.report(KEY, GOOD)
        reporter.report(KEY, BAD)
        while reporter._tasks:  # noqa: ASYNC110 - the loop's next turn is all that is waited for
            await asyncio.sleep(0)

    asyncio.run(scenario())

    assert [path for _, path, _ in client.asked] == ["/apis/lambent.dev/v1alpha1/namespaces/team/functions/hello/status"] * 2
    assert client.asked[-1][2]["status"]["initialization"]["outcome"] == SUCCEEDED


def test_an_outcome_waits_for_a_watch_that_is_behind() -> None:
    client = ScriptedClient()
    seen = iter([("r0", "r0"), ("r0", "r0"), ("r1", "r0")])

    async def scenario() -> None:
        reporter = KubeReporter(client, lambda _: None, lambda _: next(seen, ("r1", "r0")), QUICK, pause_seconds=0)  # type: ignore[arg-type]
        reporter.report(KEY, BAD)
        while reporter._tasks:  # noqa: ASYNC110 - the loop's next turn is all that is waited for
            await asyncio.sleep(0)

    asyncio.run(scenario())

    assert [body["status"]["initialization"]["outcome"] for _, _, body in client.asked] == [FAILED]


def test_outcomes_that_never_stop_are_written_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    client = ScriptedClient()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        now, real = 0.0, loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + now)
        reporter = KubeReporter(client, lambda _: None, lambda _: ("r1", ""), QUICK)  # type: ignore[arg-type]
        for turn in range(876):
            now = turn / 146
            reporter.report(KEY, Initialization("r1", FAILED, 0.0, "E", str(turn)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert len(client.asked) == 3, "at once, after a second, and after three, of six"
        reporter.report(KEY, Initialization("r0", FAILED, 0.0, "E", "another revision"))
        await reporter.close()

    asyncio.run(scenario())


def test_the_outcome_of_another_revision_waits_for_none() -> None:
    client = ScriptedClient()

    async def scenario() -> None:
        reporter = KubeReporter(client, lambda _: None, lambda _: ("r2", "r1"), QUICK)  # type: ignore[arg-type]
        reporter.report(KEY, BAD)
        for _ in range(10):
            await asyncio.sleep(0)
        reporter.report(KEY, Initialization("r2", SUCCEEDED))
        for _ in range(10):
            await asyncio.sleep(0)
        assert [body["status"]["initialization"]["revision"] for _, _, body in client.asked] == ["r1", "r2"]
        await reporter.close()

    asyncio.run(scenario())


def test_an_outcome_that_nobody_asks_for_is_dropped_in_the_end() -> None:
    client = ScriptedClient()

    async def scenario() -> None:
        reporter = KubeReporter(client, lambda _: None, lambda _: ("r2", "r2"), QUICK)  # type: ignore[arg-type]
        reporter.report(KEY, GOOD)
        while reporter._tasks:  # noqa: ASYNC110 - the loop's next turn is all that is waited for
            await asyncio.sleep(0)

    asyncio.run(scenario())

    assert client.asked == []


def test_what_is_written_is_bounded() -> None:
    long = Initialization("r1", FAILED, 0.0, "E" * 1000, "m" * 100_000, tuple("x" * 5000 for _ in range(500)))

    short = shorten(long)

    assert len(short.error_message) == 8192
    assert len(json.dumps(short.to_dict())) < 80_000
    assert not is_news(long, short, ("r1", "")) or short.error_type != long.error_type


def test_peers_are_all_endpoints_that_stay() -> None:
    endpoint_slice = {
        "ports": [{"name": "links", "port": 8081}],
        "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": True}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": False}},
            {"addresses": ["10.0.0.3"], "conditions": {"terminating": True}},
            {"addresses": ["fd00::1"]},
        ],
    }

    assert list(addresses_of(endpoint_slice)) == ["10.0.0.1:8081", "10.0.0.2:8081", "[fd00::1]:8081"]


def test_functions_are_kept_without_their_code() -> None:
    body = {
        "metadata": {"name": "hello", "namespace": "team"},
        "spec": {"runtime": "python3.11", "code": {"inline": {"app.py": "x" * 100_000}}},
    }

    kept = keep_function(body)

    assert isinstance(kept, Function)
    assert kept.spec.code is not None
    assert dict(kept.spec.code.inline) == {"app.py": ""}


def test_what_cannot_be_read_is_kept_by_name_alone() -> None:
    metadata = {"name": "bad", "namespace": "team"}

    assert keep_function({"metadata": metadata, "spec": {}}) == ("team", "bad")
    assert keep_trigger({"metadata": metadata, "spec": {}}) == ("team", "bad")


def test_words_that_functions_have_in_common_are_kept_once() -> None:
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": "an invocation sent now will be served"}

    def keep(name: str) -> Function:
        spec = {"runtime": "python3.11", "handler": "app.handler", "code": {"inline": {"app.py": "#" * 200}}}
        body = {"metadata": {"name": name, "namespace": "team"}, "spec": spec, "status": {"conditions": [ready]}}
        # As they come: two texts that are equal and not the same.
        kept = keep_function(json.loads(json.dumps(body)))
        assert isinstance(kept, Function)
        return kept

    one, other = keep("one"), keep("other")
    assert one.namespace is other.namespace
    assert one.spec.runtime is other.spec.runtime
    assert one.status.conditions[0].message is other.status.conditions[0].message
    assert one.spec.code is not None
    assert one.spec.code.inline == {"app.py": "#" * 200}
