"""`spec.async`, `spec.url` and `spec.logging`: how a Function is called and what it logs, in AWS Lambda's terms.

AWS: EventInvokeConfig, DeadLetterConfig, FunctionUrlConfig with Cors, LoggingConfig of the Lambda API reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lambent.api.fields import Fields

AUTH_TYPES: Final = ("NONE", "AWS_IAM")
ACCESS_PUBLIC: Final = "public"
ACCESS_CLUSTER: Final = "cluster"
ACCESS_NONE: Final = "none"
ACCESSES: Final = (ACCESS_PUBLIC, ACCESS_CLUSTER, ACCESS_NONE)
INVOKE_MODES: Final = ("BUFFERED", "RESPONSE_STREAM")
LOG_FORMATS: Final = ("Text", "JSON")
APPLICATION_LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
SYSTEM_LEVELS: Final = ("DEBUG", "INFO", "WARN")


@dataclass(frozen=True, slots=True)
class AsyncInvocation:
    """What becomes of events that are accepted with 202; destinations are ARNs."""

    max_retries: int = 2
    max_event_age_seconds: int = 21_600
    on_success: str | None = None
    on_failure: str | None = None
    dead_letter: str | None = None


@dataclass(frozen=True, slots=True)
class Cors:
    """A function URL's CORS answers."""

    allow_credentials: bool = False
    allow_headers: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Url:
    """A function URL."""

    auth: str = "NONE"
    invoke_mode: str = "BUFFERED"
    cors: Cors | None = None
    access: str = ACCESS_PUBLIC
    """Where it answers: also below the installation's domain, inside the cluster alone, or nowhere."""


@dataclass(frozen=True, slots=True)
class Logging:
    """Format of what a Function logs, and with JSON the least severe level of its own lines and of the platform's.

    Both levels are empty with Text, which has none, as on Lambda.
    """

    format: str = "Text"
    application_level: str = ""
    system_level: str = ""


@dataclass(frozen=True, slots=True)
class Calling:
    """The three together, as a Function's spec holds them."""

    asynchronous: AsyncInvocation | None = None
    url: Url = field(default_factory=Url)
    logging: Logging = field(default_factory=Logging)


def parse_calling(spec: Fields) -> Calling:
    """`spec.async`, `spec.url` and `spec.logging` with their defaults."""
    return Calling(_parse_async(spec), _parse_url(spec.object("url")), _parse_logging(spec.object("logging")))


def _parse_async(spec: Fields) -> AsyncInvocation | None:
    if not spec.has("async"):
        return None
    section = spec.object("async")
    return AsyncInvocation(
        max_retries=section.integer("maxRetries", 2, 0, 2),
        max_event_age_seconds=section.integer("maxEventAgeSeconds", 21_600, 60, 21_600),
        on_success=section.object("onSuccess").optional("destination"),
        on_failure=section.object("onFailure").optional("destination"),
        dead_letter=section.object("deadLetter").optional("destination"),
    )


def _parse_url(url: Fields) -> Url:
    cors = url.object("cors")
    return Url(
        auth=url.string("auth", "NONE", AUTH_TYPES),
        invoke_mode=url.string("invokeMode", "BUFFERED", INVOKE_MODES),
        access=url.string("access", ACCESS_PUBLIC, ACCESSES),
        cors=Cors(
            allow_credentials=cors.boolean("allowCredentials", default=False),
            allow_headers=cors.strings("allowHeaders"),
            allow_methods=cors.strings("allowMethods"),
            allow_origins=cors.strings("allowOrigins"),
            expose_headers=cors.strings("exposeHeaders"),
            max_age_seconds=cors.integer("maxAgeSeconds", 0, 0, 86_400),
        )
        if url.has("cors")
        else None,
    )


def _parse_logging(logging: Fields) -> Logging:
    application = logging.string("applicationLevel", "INFO", APPLICATION_LEVELS)
    system = logging.string("systemLevel", "INFO", SYSTEM_LEVELS)
    if logging.string("format", "Text", LOG_FORMATS) == "Text":
        return Logging()
    return Logging("JSON", application, system)
