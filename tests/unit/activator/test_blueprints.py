"""What a generic pod is told, and where it is read from."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from lambent.activator.admission.model import FunctionKey
from lambent.activator.cluster import blueprints as blueprints_module
from lambent.activator.cluster.blueprints import KubeBlueprints
from lambent.activator.cluster.watcher import KEPT_CODE_CHARACTERS, without_code
from lambent.activator.pool.blueprint import BlueprintError
from lambent.api import link
from lambent.api.functions.files import inline_files
from lambent.api.functions.function import Function, parse_function
from lambent.api.functions.revision import revision_of
from lambent.kube.errors import ForbiddenError
from tests.support.fake_kube import FakeKube

KEY = FunctionKey("team", "hello")
PATH = "/apis/lambent.dev/v1alpha1/namespaces/team/functions/hello"
CODE = {"app.py": "def handler(event, context): ...\n", "lib/more.py": "x = 1\n"}


def body(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "hello", "namespace": "team"},
        "spec": {"runtime": "python3.11", "handler": "app.handler", "code": {"inline": CODE}, **spec},
    }


def revision(function: Function, files: dict[str, str] = CODE) -> str:
    return revision_of(function.spec, inline_files(files).sha256)


class World(FakeKube):
    def __init__(self, given: dict[str, Any], known: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.put(PATH, given)
        self.function = parse_function(given)
        self.known = parse_function(known) if known is not None else self.function
        self.blueprints = KubeBlueprints(self, lambda _key: self.known, "eu-north-1")  # type: ignore[arg-type]

    def fetch(self, of: str) -> tuple[dict[str, Any], dict[str, bytes]]:
        return link.decode_become(asyncio.run(self.blueprints.fetch(KEY, of)))


def test_small_inline_code_is_at_hand_and_asks_nobody() -> None:
    world = World(body(memory="256Mi", env=[{"name": "STAGE", "value": "$(A)"}]))
    frame = world.blueprints.find(KEY, revision(world.function))

    assert frame is not None
    head, files = link.decode_become(frame)
    assert files == {path: content.encode() for path, content in CODE.items()}
    assert head["env"] == [["STAGE", "$(A)", True]]
    assert (head["shim"]["function"], head["shim"]["memoryMiB"], head["shim"]["revision"]) == ("hello", 256, revision(world.function))
    assert head["shim"]["arn"] == "arn:aws:lambda:eu-north-1:team:function:hello"
    assert world.calls == []
    assert world.blueprints.find(KEY, revision(world.function)) is frame


def test_large_code_is_cut_short_in_the_watch_and_fetched() -> None:
    large = {"app.py": "#" * (KEPT_CODE_CHARACTERS + 1)}
    given = body(code={"inline": large})
    world = World(given, without_code(given))
    wanted = revision(world.function, large)

    assert world.known.spec.code is not None
    assert world.known.spec.code.inline == {"app.py": ""}
    assert world.blueprints.find(KEY, wanted) is None
    assert world.fetch(wanted)[1] == {"app.py": large["app.py"].encode()}
    assert world.blueprints.find(KEY, wanted) is not None


def test_code_that_is_not_the_revisions_is_never_sent() -> None:
    world = World(body())

    assert world.blueprints.find(KEY, "0123456789") is None
    with pytest.raises(BlueprintError, match=f"revision {revision(world.function)}, not 0123456789"):
        world.fetch("0123456789")


def test_code_in_a_config_map_is_read_from_it() -> None:
    world = World(body(code={"configMap": {"name": "code"}}))
    world.put("/api/v1/namespaces/team/configmaps/code", {"data": {"app.py": CODE["app.py"]}})
    wanted = revision(world.function, {"app.py": CODE["app.py"]})

    assert world.blueprints.find(KEY, wanted) is None
    assert world.fetch(wanted)[1] == {"app.py": CODE["app.py"].encode()}


def references() -> list[dict[str, Any]]:
    return [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}},
        {"name": "HOST", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "host"}}},
        {"name": "MAYBE", "valueFrom": {"secretKeyRef": {"name": "none", "key": "x", "optional": True}}},
        {"name": "URL", "value": "db://$(HOST)"},
    ]


def test_values_from_secrets_and_config_maps_are_read_anew_each_time_and_taken_as_they_are() -> None:
    world = World(body(env=references()))
    world.put("/api/v1/namespaces/team/secrets/database", {"type": "Opaque", "data": {"password": base64.b64encode(b"$(HOST)").decode()}})
    world.put("/api/v1/namespaces/team/configmaps/settings", {"data": {"host": "db.team"}})
    wanted = revision(world.function)

    head, _ = world.fetch(wanted)

    assert head["env"] == [["PASSWORD", "$(HOST)", False], ["HOST", "db.team", False], ["URL", "db://$(HOST)", True]]
    assert world.blueprints.find(KEY, wanted) is None, "a Secret's value is kept nowhere"


@pytest.mark.parametrize("missing", ["secret", "key", "permission"])
def test_a_value_that_cannot_be_had_says_so(missing: str) -> None:
    world = World(body(env=references()[:1]))
    if missing != "secret":
        world.put("/api/v1/namespaces/team/secrets/database", {"type": "Opaque", "data": {}})
    if missing == "permission":

        def before(method: str, path: str) -> None:
            if "secrets" in path:
                raise ForbiddenError(403, "Forbidden", "cannot get secrets", path)

        world.before = before
    with pytest.raises(BlueprintError, match="cannot get" if missing == "permission" else r"spec.env \(PASSWORD\)"):
        world.fetch(revision(world.function))


def test_a_value_that_is_not_text_says_so() -> None:
    world = World(body(env=references()[:1]))
    world.put("/api/v1/namespaces/team/secrets/database", {"type": "Opaque", "data": {"password": base64.b64encode(b"\xff").decode()}})

    with pytest.raises(BlueprintError, match="not text"):
        world.fetch(revision(world.function))


def test_a_function_that_is_gone_says_so() -> None:
    world = World(body())
    del world.objects[PATH]

    with pytest.raises(BlueprintError, match="not found"):
        world.fetch("r")


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(body())
    frame = world.blueprints.find(KEY, revision(world.function))
    assert frame is not None
    monkeypatch.setattr(blueprints_module, "KEPT_BYTES", len(frame) + 10)
    world.known = parse_function(body(handler="other.handler"))

    assert world.blueprints.find(KEY, revision(world.known)) is not None
    assert len(world.blueprints._kept) == 1
