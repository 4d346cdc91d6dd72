"""Which fields of the schema this version does not serve yet: named to the user, never ignored in silence."""

from __future__ import annotations

from typing import Final

from lambent.api.functions.code import SERVED_SOURCES as SERVED_CODE_SOURCES
from lambent.api.functions.function import FunctionSpec
from lambent.api.triggers.trigger import SERVED_SOURCES, TriggerSpec

SERVED_RUNTIMES: Final = ("python",)


def find_unserved_fields(spec: FunctionSpec) -> tuple[str, ...]:
    """Paths of the fields of a Function that are set and not served; empty where all are served."""
    source = spec.code.source if spec.code is not None else None
    set_fields = {
        f"spec.code.{source}": source is not None and source not in SERVED_CODE_SOURCES,
        f"spec.runtime ({spec.runtime})": spec.runtime is not None and not spec.runtime.startswith(SERVED_RUNTIMES),
        "spec.requirements": bool(spec.requirements),
        "spec.layers": bool(spec.layers),
        "spec.async": spec.asynchronous is not None,
        f"spec.url.auth ({spec.url.auth})": spec.url.auth != "NONE",
        f"spec.url.invokeMode ({spec.url.invoke_mode})": spec.url.invoke_mode != "BUFFERED",
        "spec.scaling.reservedConcurrency": spec.scaling.reserved_concurrency is not None,
        "spec.scaling.provisionedConcurrency": spec.scaling.provisioned_concurrency is not None,
    }
    return tuple(name for name, is_set in set_fields.items() if is_set)


def find_unserved_trigger_fields(spec: TriggerSpec) -> tuple[str, ...]:
    """The same for a Trigger."""
    set_fields = {
        f"spec.{spec.source}": spec.source not in SERVED_SOURCES,
        "spec.function.alias": spec.alias is not None,
        "spec.filter": bool(spec.filter),
        "spec.batch": spec.batch is not None,
        "spec.retry": spec.retry is not None,
        "spec.deadLetter": spec.dead_letter is not None,
        "spec.parallelism": spec.parallelism is not None,
    }
    return tuple(name for name, is_set in set_fields.items() if is_set)


def word_unserved(fields: tuple[str, ...]) -> str:
    """The condition's message."""
    return f"{', '.join(fields)}: not served by this version of Lambent; remove it, or upgrade when it is"
