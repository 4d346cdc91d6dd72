"""Finds the handler that `_HANDLER` names: `module.function`, `package/module.function` or `package.module.function`."""

from __future__ import annotations

import importlib
import sys
from types import FunctionType
from typing import Any

from lambent_runtime.errors import (
    BUILT_IN_MODULE_CONFLICT,
    HANDLER_NOT_FOUND,
    IMPORT_MODULE_ERROR,
    MALFORMED_HANDLER_NAME,
    USER_CODE_SYNTAX_ERROR,
    FaultError,
)

_COROUTINE_FLAG = 0x80
"""inspect.CO_COROUTINE."""


def load_handler(name: str) -> Any:
    """Import and return the handler. Raises FaultError with AWS's types and messages; other exceptions are the module's own."""
    try:
        module_name, attribute = name.rsplit(".", 1)
    except ValueError as error:
        raise FaultError(MALFORMED_HANDLER_NAME, f"Bad handler '{name}': {error}") from None
    try:
        if module_name.split(".")[0] in sys.builtin_module_names:
            raise FaultError(BUILT_IN_MODULE_CONFLICT, f"Cannot use built-in module {module_name} as a handler module")
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise FaultError(IMPORT_MODULE_ERROR, f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise FaultError(USER_CODE_SYNTAX_ERROR, f"Syntax error in module '{module_name}': {error}", trace) from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise FaultError(HANDLER_NOT_FOUND, f"Handler '{attribute}' missing on module '{module_name}'") from None


def is_coroutine_handler(handler: Any) -> bool:
    """Whether calling it gives a coroutine: `async def`, a partial of one, or an object whose `__call__` is one."""
    if type(handler) is FunctionType:
        return bool(handler.__code__.co_flags & _COROUTINE_FLAG)
    import inspect  # noqa: PLC0415 - 5 ms of a cold start that a plain function need not pay

    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004
