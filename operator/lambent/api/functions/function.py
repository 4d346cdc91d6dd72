"""The Function custom resource as data. Fields and meaning: docs/functions.md; schema: crds/functions.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lambent.api.fields import Fields, InvalidSpecError
from lambent.api.functions.code import Code, parse_code
from lambent.api.functions.pod import EnvVar, Toleration, Volume, parse_env, parse_tolerations, parse_volumes
from lambent.api.functions.scaling import Scaling, parse_scaling
from lambent.api.functions.status import FunctionStatus, parse_status
from lambent.api.invocation import AsyncInvocation, Logging, Url, parse_calling
from lambent.api.names import DEFAULT_NAMESPACE
from lambent.api.quantity import GIB, MIB

__all__ = ["DEFAULT_HANDLER", "Function", "FunctionSpec", "InvalidSpecError", "parse_function", "parse_function_spec"]

DEFAULT_HANDLER: Final = "lambda_function.lambda_handler"
MIN_MEMORY: Final = 128 * MIB
MAX_MEMORY: Final = 10 * GIB
MIN_STORAGE: Final = 512 * MIB
MAX_STORAGE: Final = 10 * GIB
MAX_TIMEOUT_SECONDS: Final = 900
MAX_CONCURRENCY: Final = 1000
SHARING: Final = ("auto", "never", "always")
"""Whether a pod's workers are forked from one process that has imported the handler (docs/decisions/0011)."""
LATEST: Final = "$LATEST"


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """What the user wants."""

    runtime: str | None = None
    """`python3.11`, …; None where `image` brings its own."""
    image: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    handler: str = DEFAULT_HANDLER
    code: Code | None = None
    """None only where `image` holds the code."""
    requirements: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    memory_bytes: int = MIN_MEMORY
    ephemeral_storage_bytes: int = MIN_STORAGE
    """Room in /tmp."""
    timeout_seconds: int = 3
    concurrency: int = 1
    """Hard limit of invocations at once in one pod."""
    env: tuple[EnvVar, ...] = ()
    scaling: Scaling = field(default_factory=Scaling)
    asynchronous: AsyncInvocation | None = None
    url: Url = field(default_factory=Url)
    logging: Logging = field(default_factory=Logging)
    sharing: str = "auto"
    """`initialization.sharing`, one of SHARING."""
    service_account_name: str | None = None
    runtime_class_name: str | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    volumes: tuple[Volume, ...] = ()
    cpu_limit_millis: int | None = None
    cpu_request_millis: int | None = None
    """None: what follows from the memory."""

    @property
    def memory_mib(self) -> int:
        """Memory in MiB, rounded down: what Lambda calls MemorySize."""
        return self.memory_bytes // MIB


@dataclass(frozen=True, slots=True)
class Function:
    """A Function: its metadata (as much as others need), spec and status."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: FunctionSpec
    status: FunctionStatus
    deleting: bool = False
    created: str = ""
    """RFC 3339 in UTC."""
    inline_size: int = 0
    """Characters of its inline code, and of the paths in it."""


def parse_function(body: Mapping[str, Any]) -> Function:
    """A Function from the API server or a manifest; raises `InvalidSpecError` where a field of the spec cannot be used."""
    metadata = Fields("metadata", body.get("metadata"))
    return Function(
        name=metadata.required("name"),
        namespace=metadata.string("namespace", DEFAULT_NAMESPACE),
        uid=metadata.string("uid", ""),
        generation=metadata.integer("generation", 0, 0, 2**63 - 1),
        spec=parse_function_spec(body.get("spec")),
        status=parse_status(body.get("status")),
        deleting=metadata.has("deletionTimestamp"),
        created=metadata.string("creationTimestamp", ""),
        inline_size=inline_size(body),
    )


def inline_size(body: Mapping[str, Any]) -> int:
    """Characters of a Function's inline code, and of the paths in it; 0 for what is no Function."""
    spec = body.get("spec")
    code = spec.get("code") if isinstance(spec, Mapping) else None
    inline = code.get("inline") if isinstance(code, Mapping) else None
    return sum(len(str(path)) + len(str(content)) for path, content in inline.items()) if isinstance(inline, Mapping) else 0


def parse_function_spec(body: object) -> FunctionSpec:
    """`spec` with its defaults."""
    spec = Fields("spec", body)
    runtime, image = spec.optional("runtime"), spec.optional("image")
    if (runtime is None) == (image is None):
        raise InvalidSpecError("spec.runtime", runtime, "either runtime or image, not both")
    if runtime is not None and not spec.has("code"):
        raise InvalidSpecError("spec.code", None, "one source of code, such as inline; only an image may hold the code itself")
    calling = parse_calling(spec)
    cpu_limit, cpu_request = _parse_cpu(spec.object("cpu"))
    return FunctionSpec(
        runtime=runtime,
        image=image,
        image_pull_secrets=tuple(item.required("name") for item in spec.objects("imagePullSecrets")),
        handler=_parse_handler(spec),
        code=parse_code(spec.object("code")) if spec.has("code") else None,
        requirements=spec.strings("requirements"),
        layers=spec.strings("layers"),
        memory_bytes=spec.bytes("memory", MIN_MEMORY, MIN_MEMORY, MAX_MEMORY, "a quantity from 128Mi to 10Gi"),
        ephemeral_storage_bytes=spec.bytes("ephemeralStorage", MIN_STORAGE, MIN_STORAGE, MAX_STORAGE, "a quantity from 512Mi to 10Gi"),
        timeout_seconds=spec.integer("timeoutSeconds", 3, 1, MAX_TIMEOUT_SECONDS),
        concurrency=spec.integer("concurrency", 1, 1, MAX_CONCURRENCY),
        env=parse_env(spec),
        scaling=parse_scaling(spec.object("scaling")),
        asynchronous=calling.asynchronous,
        url=calling.url,
        logging=calling.logging,
        sharing=spec.object("initialization").string("sharing", "auto", SHARING),
        service_account_name=spec.optional("serviceAccountName"),
        runtime_class_name=spec.optional("runtimeClassName"),
        node_selector=spec.string_map("nodeSelector"),
        tolerations=parse_tolerations(spec),
        volumes=parse_volumes(spec),
        cpu_limit_millis=cpu_limit,
        cpu_request_millis=cpu_request,
    )


def _parse_cpu(cpu: Fields) -> tuple[int | None, int | None]:
    """The limit and the request, in thousandths of a CPU."""
    limit, request = (cpu.cpu_millis(name, 1, 1_000_000, "a quantity of CPU such as 500m or 2") for name in ("limit", "request"))
    if limit is not None and request is not None and request > limit:
        raise InvalidSpecError(cpu.field("request"), cpu.raw("request"), f"at most spec.cpu.limit, {cpu.raw('limit')}")
    return limit, request


def _parse_handler(spec: Fields) -> str:
    handler = spec.string("handler", DEFAULT_HANDLER)
    # Lambda's own rule (CreateFunction, Handler): no white space, at most 128 characters. Whether it exists shows at initialisation.
    if not handler or len(handler) > 128 or any(character.isspace() for character in handler):
        raise InvalidSpecError(spec.field("handler"), handler, "module.function without spaces, at most 128 characters")
    return handler
