"""Offers AWS's runtime client to tools that hook into it, and lets invocations go through what they have put there.

On Lambda the package `awslambdaric` is the runtime, loaded from `__main__`; Sentry, Lumigo and others replace functions of its module
`bootstrap` and methods of its client. Here the package is a name whose modules are loaded by the first who asks for one of them
(lambent_runtime/awslambdaric): from then on each invocation goes the way of AWS's runtime. Nobody else pays for it.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec  # importlib.machinery, without its file
from types import ModuleType
from typing import Any

from lambent_runtime.invocation import Invocation
from lambent_runtime.logs import Logs

PACKAGE = "awslambdaric"
BOOTSTRAP = f"{PACKAGE}.bootstrap"
VERSION = "4.2.2"
"""The version of AWS's package that is imitated; tests/contract/runtime holds it equal to the one that is compared with."""
_FOLDER = f"{__file__.rpartition('/')[0]}/{PACKAGE}"


def offer() -> None:
    """Make the package known, and `__main__.awslambdaricmain`, by which tools find it on Lambda."""
    package = _name_module(PACKAGE)
    package.__path__ = [_FOLDER]
    package.__version__ = VERSION  # type: ignore[attr-defined]
    main = _name_module(f"{PACKAGE}.__main__")
    main.__getattr__ = _load  # type: ignore[method-assign]
    sys.modules["__main__"].awslambdaricmain = main  # type: ignore[attr-defined]


def _name_module(name: str) -> ModuleType:
    module = sys.modules[name] = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None, is_package=name == PACKAGE)
    return module


def _load(name: str) -> Any:
    """An attribute of `awslambdaric.__main__`, once somebody asks for it."""
    if name != "bootstrap":
        raise AttributeError(f"module '{PACKAGE}.__main__' has no attribute '{name}'")
    import importlib  # noqa: PLC0415 - an attribute that only tools ask for

    return importlib.import_module(BOOTSTRAP)


def answer(bootstrap: ModuleType, invocation: Invocation, handler: Any, logs: Logs) -> bytes:
    """The RESULT frame of an invocation that goes by `bootstrap.handle_event_request`, whoever has replaced it.

    What leaves it ends the process, as it would leave AWS's loop.
    """
    meta = invocation.meta
    client = bootstrap.lambda_runtime_client
    client.begin(invocation)
    bootstrap.handle_event_request(
        client,
        handler,
        invocation.request_id,
        invocation.event_body,
        "application/json",
        meta.get("clientContext"),
        meta.get("identity"),
        meta.get("arn"),
        invocation.deadline_ms,
        meta.get("tenantId"),
        logs.sink,
        None,
    )
    frame: bytes = client.take_answer()
    return frame


def tell_init_error(error: dict[str, Any]) -> None:
    """Let tools see the error of an initialisation, where one of them has hooked `post_init_error`."""
    bootstrap = sys.modules.get(BOOTSTRAP)
    if bootstrap is not None:
        bootstrap.lambda_runtime_client.post_init_error(error)
