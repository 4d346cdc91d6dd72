"""`python -m lambent ROLE` starts one role. The only reader of the environment, and importer of the roles, each when it is asked for."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lambent import __version__
from lambent.settings.base import ProcessSettings, SettingError
from lambent.telemetry.logs import configure_logging

logger: Final = logging.getLogger("lambent")
USAGE: Final = "usage: python -m lambent controller|activator|autoscaler|dev|version"
_WRONG_USE: Final = 2


@dataclass(frozen=True, slots=True)
class Role:
    """Where a role's code and settings are; nothing of it is imported before `load`."""

    name: str
    settings_class: str
    uvloop: bool

    def load(self) -> tuple[Callable[[Any], Coroutine[Any, Any, None]], type[ProcessSettings]]:
        """(its `run`, the class of its settings)."""
        app = importlib.import_module(f"lambent.{self.name}.app")
        settings = importlib.import_module(f"lambent.settings.{self.name}")
        return app.run, getattr(settings, self.settings_class)


ROLES: Final = {
    role.name: role
    for role in (
        # kopf brings its own tasks and signal handling, tried by its authors on asyncio's loop.
        Role("controller", "ControllerSettings", uvloop=False),
        Role("activator", "ActivatorSettings", uvloop=True),
        Role("autoscaler", "AutoscalerSettings", uvloop=True),
    )
}


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one role until it ends or a signal ends it; the exit status, 2 for wrong use or a wrong setting."""
    command = arguments[0] if arguments else ""
    if command == "version":
        print(__version__)
        return 0
    if command == "dev":
        return importlib.import_module("lambent.dev.app").main(list(arguments[1:]), environ) or 0
    role = ROLES.get(command)
    if role is None or len(arguments) > 1:
        print(USAGE, file=sys.stderr)
        return _WRONG_USE
    run, settings_class = role.load()
    try:
        settings = settings_class.from_mapping(environ)
    except SettingError as error:
        print(f"lambent {role.name}: {error}", file=sys.stderr)
        return _WRONG_USE
    configure_logging(settings.log_level, settings.log_format)
    shown = {described.key: described.value for described in settings.describe() if described.value != described.default}
    logger.info("starting", extra={"role": role.name, "version": __version__, "settings": shown})
    with asyncio.Runner(loop_factory=_uvloop if role.uvloop else None) as runner:
        runner.run(_until_signal(run(settings)))
    logger.info("stopped", extra={"role": role.name})
    return 0


async def _until_signal(running: Coroutine[Any, Any, None]) -> None:
    """SIGTERM and SIGINT cancel the role, which cleans up on its way out; a role with more to do then installs handlers of its own."""
    task = asyncio.ensure_future(running)
    stopping = False

    def stop() -> None:
        nonlocal stopping
        stopping = True
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopping:
            raise


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415 - not every role wants it

    return uvloop.new_event_loop()


if __name__ == "__main__":
    # As a container's PID 1, a process ignores each signal that it has no handler for. A pod deleted while its role is being imported
    # would miss its only SIGTERM, and linger for the whole of its grace period.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(main(sys.argv[1:], os.environ))
