"""The Trigger custom resource as data. Fields and meaning: docs/functions.md; schema: crds/triggers.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambent.api.conditions import Condition, parse_condition
from lambent.api.fields import Fields, InvalidSpecError
from lambent.api.names import DEFAULT_NAMESPACE
from lambent.api.triggers.route_path import MAX_PATH_LENGTH, MAX_SEGMENTS

SOURCES: Final = (
    "http",
    "schedule",
    "sqs",
    "sns",
    "kinesis",
    "kafka",
    "nats",
    "rabbitmq",
    "redis",
    "s3",
    "postgres",
    "kubernetes",
    "mqtt",
    "email",
    "webhook",
)
SERVED_SOURCES: Final = ("http",)
METHODS: Final = ("ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PAYLOAD_FORMATS: Final = ("1.0", "2.0")


@dataclass(frozen=True, slots=True)
class Http:
    """An http source: which requests reach the function, and as which event.

    `host` None means any host. `path` is API Gateway's: exact, `{name}` for one segment, `{name+}` at the end for all the rest.
    Empty `methods` (or ANY in the manifest) means every method.
    """

    host: str | None = None
    path: str = "/"
    methods: tuple[str, ...] = ()
    payload_format: str = "2.0"


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """What the user wants."""

    function: str
    alias: str | None
    source: str
    """The name of the one source that is set."""
    http: Http | None
    settings: Mapping[str, Any]
    """The source's own object as it stands, for sources other than http."""
    filter: tuple[Mapping[str, Any], ...]
    batch: Mapping[str, Any] | None
    retry: Mapping[str, Any] | None
    dead_letter: str | None
    enabled: bool
    parallelism: int | None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A Trigger: its metadata (as much as others need), spec and conditions."""

    name: str
    namespace: str
    uid: str
    generation: int
    created: str
    """RFC 3339 in UTC: of two triggers on the same route the older one wins."""
    spec: TriggerSpec
    observed_generation: int
    conditions: tuple[Condition, ...]
    deleting: bool = False


def parse_trigger(body: Mapping[str, Any]) -> Trigger:
    """A Trigger from the API server or a manifest; raises `InvalidSpecError` where a field of the spec cannot be used."""
    metadata = Fields("metadata", body.get("metadata"))
    raw_status = body.get("status")
    status: Mapping[str, Any] = raw_status if isinstance(raw_status, Mapping) else {}
    conditions = status.get("conditions")
    return Trigger(
        name=metadata.required("name"),
        namespace=metadata.string("namespace", DEFAULT_NAMESPACE),
        uid=metadata.string("uid", ""),
        generation=metadata.integer("generation", 0, 0, 2**63 - 1),
        created=metadata.string("creationTimestamp", ""),
        spec=_parse_spec(Fields("spec", body.get("spec"))),
        observed_generation=generation if isinstance(generation := status.get("observedGeneration"), int) else 0,
        conditions=tuple(parse_condition(item) for item in conditions if isinstance(item, Mapping)) if isinstance(conditions, list) else (),
        deleting=metadata.has("deletionTimestamp"),
    )


def _parse_spec(spec: Fields) -> TriggerSpec:
    named = [source for source in SOURCES if spec.has(source)]
    if len(named) != 1:
        raise InvalidSpecError("spec", named, f"exactly one source of {', '.join(SOURCES)}")
    function = spec.object("function")
    return TriggerSpec(
        function=function.required("name"),
        alias=function.optional("alias"),
        source=named[0],
        http=_parse_http(spec.object("http")) if named == ["http"] else None,
        settings={} if named == ["http"] else spec.object(named[0]).values(),
        filter=tuple(item.values() for item in spec.objects("filter")),
        batch=spec.object("batch").values() if spec.has("batch") else None,
        retry=spec.object("retry").values() if spec.has("retry") else None,
        dead_letter=spec.object("deadLetter").optional("destination"),
        enabled=spec.boolean("enabled", default=True),
        parallelism=spec.optional_integer("parallelism", 1, 1000),
    )


def _parse_http(http: Fields) -> Http:
    host = http.optional("host")
    methods = http.strings("methods")
    for index, method in enumerate(methods):
        if method not in METHODS:
            raise InvalidSpecError(f"{http.field('methods')}[{index}]", method, ", ".join(METHODS))
    return Http(
        host=host.lower() if host else None,
        path=_check_path(http.string("path", "/"), http.field("path")),
        methods=() if "ANY" in methods else tuple(dict.fromkeys(methods)),
        payload_format=http.string("payloadFormat", "2.0", PAYLOAD_FORMATS),
    )


def _check_path(path: str, where: str) -> str:
    """API Gateway's rule for routes: parameters are whole segments, each name once, a greedy one last."""
    allowed = "a path such as /orders, /orders/{id} or /files/{path+}: parameters are whole segments, a greedy one comes last"
    if len(path) > MAX_PATH_LENGTH:
        raise InvalidSpecError(where, path, f"a path of at most {MAX_PATH_LENGTH} characters")
    if not path.startswith("/") or any(character.isspace() for character in path) or "?" in path or "#" in path:
        raise InvalidSpecError(where, path, allowed)
    segments = path.split("/")[1:]
    if len(segments) > MAX_SEGMENTS:
        raise InvalidSpecError(
            where, path, f"a path of at most {MAX_SEGMENTS} segments; a parameter such as {{rest+}} takes all that is left"
        )
    names: list[str] = []
    for index, segment in enumerate(segments):
        if "{" not in segment and "}" not in segment:
            continue
        name = segment[1:-1]
        greedy = name.endswith("+")
        name = name.removesuffix("+")
        plain = segment.startswith("{") and segment.endswith("}") and bool(name) and not set(name) & set("{}+")
        if not plain or name in names or (greedy and index != len(segments) - 1):
            raise InvalidSpecError(where, path, allowed)
        names.append(name)
    return path
