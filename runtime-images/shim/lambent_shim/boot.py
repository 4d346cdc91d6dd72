"""The first milliseconds: configuration, the prepared interpreter, the order to import the handler. Imports next to nothing."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal itself, with its enums, costs 2 ms
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

from lambent_shim.configuration import Configuration, ConfigurationError, parse_configuration
from lambent_shim.environment import build_environment, name_log_stream
from lambent_shim.workers.spawn import WRAPPER, Ends, order_fork, read_sharing, spawn_prepared

VARIABLE = "LAMBENT_SHIM"
_IN_IMAGE = "/var/runtime"
_IMAGE_VARIABLES = "image-variables.json"
_DEVICE_SHM = "/dev/shm"  # noqa: S108 - POSIX shared memory
_BAD_CONFIGURATION = 78
"""sysexits.h's EX_CONFIG."""


class Started(NamedTuple):
    """What runs already when the shim itself starts to."""

    configuration: Configuration
    environment: dict[str, str]
    started_at: float
    """Seconds since the epoch."""
    prepared_pid: int
    prepared: Ends
    candidate: Ends
    container: Mapping[str, str]
    """The container's own variables, for the function that a pool pod becomes."""
    image: Mapping[str, str]
    """The variables of the runtime's image, which no function sees."""
    used: bool
    """A pool pod whose container has been a function before it was restarted."""


def boot(environ: Mapping[str, str], started_at: float) -> Started:
    """Start the prepared interpreter; ends the process with a message where the configuration is wrong or its parent has ended."""
    try:
        configuration = parse_configuration(environ.get(VARIABLE, ""), runtime_dir=_find_runtime(), pod=environ.get("HOSTNAME", ""))
    except ConfigurationError as error:
        sys.stderr.write(f"{VARIABLE}: {error}\n")
        sys.exit(_BAD_CONFIGURATION)
    absolute = os.path.abspath
    configuration = configuration._replace(
        task_root=absolute(configuration.task_root),
        code_dir=absolute(configuration.code_dir),
        runtime_dir=absolute(configuration.runtime_dir),
        layers_dir=absolute(configuration.layers_dir),
        token_file=absolute(configuration.token_file) if configuration.token_file else "",
        scratch_dir=absolute(configuration.scratch_dir),
    )
    if os.getpid() != 1:
        _live_outside_a_container(configuration.parent_pid)
    image = _read_image_variables()
    environment = build_environment(configuration, environ, log_stream=new_log_stream(configuration.version, started_at), image=image)
    if os.getpid() == 1:
        _empty_memory_folders(configuration.memory_folders)
    # Before anything of this shim's own could leave a file there.
    used = configuration.pool and any(map(_holds_files, (configuration.task_root, configuration.scratch_dir)))
    ahead = configuration.preload if configuration.pool else None
    try:
        pid, prepared = spawn_prepared(configuration, environment, ahead=ahead)
    except OSError as error:
        wrapper = environment.get(WRAPPER)
        program = f"{WRAPPER} is {wrapper!r}" if wrapper else f"{VARIABLE}: python is {configuration.python!r}"
        sys.stderr.write(f"{program}, which does not start: {error}\n")
        sys.exit(_BAD_CONFIGURATION)
    candidate = order_fork(prepared.channel, 1, prepare=True, held=configuration.pool, sharing=read_sharing(configuration.sharing))
    # After what others wait for. It is believed to be what it says because nothing of a function could have made it say so.
    from lambent_shim.kernel import close_to_others  # noqa: PLC0415

    close_to_others()
    container = {} if not configuration.pool else {name: value for name, value in environ.items() if name != VARIABLE}
    return Started(configuration, environment, started_at, pid, prepared, candidate, container, image, used)


def new_log_stream(version: str, now: float) -> str:
    """The name of an environment's log stream that begins now (seconds since the epoch)."""
    return name_log_stream(time.strftime("%Y/%m/%d", time.gmtime(now)), version, os.urandom(16).hex())


def _read_image_variables() -> dict[str, str]:
    """What the image's build has noted down of its own variables (runtime-images/python/Dockerfile); nothing outside of one."""
    try:
        with open(f"{sys.prefix}/{_IMAGE_VARIABLES}", "rb") as file:  # noqa: PTH123 - pathlib costs 3 ms of a cold start
            noted: dict[str, str] = json.loads(file.read())
    except FileNotFoundError:
        return {}
    return noted


def _empty_memory_folders(folders: tuple[str, ...]) -> None:
    """What a container before this one has left in memory outlives it, and would have the kernel end this one too."""
    for folder in (_DEVICE_SHM, *folders):
        try:
            status = os.statvfs(folder)
        except OSError:
            continue
        if status.f_bfree < status.f_blocks:
            from lambent_shim.limits.leftovers import finish, remove  # noqa: PLC0415 - a first container finds nothing

            finish(remove(folder))


def _holds_files(folder: str) -> bool:
    """A folder that cannot be read counts as one that holds some: nothing is known of it."""
    try:
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _live_outside_a_container(parent: int) -> None:
    """What a container does for its PID 1. Before the first child: each is one that has to end with this process."""
    from lambent_shim import kernel  # noqa: PLC0415 - a pod needs none of it

    if parent and not kernel.end_with_parent(parent):
        _complain(f"{VARIABLE}: parentPid is {parent}, but the parent is {os.getppid()}: it has ended\n")
        sys.exit(_BAD_CONFIGURATION)
    kernel.become_subreaper()
    _signal.signal(_signal.SIGTERM, _leave)


def _complain(text: str) -> None:
    try:
        sys.stderr.write(text)
    except OSError:
        return  # who would have read it may be the one that has ended


def _leave(_number: int, _frame: object) -> None:
    """SIGTERM while the shim starts: nothing has been accepted yet."""
    from lambent_shim.limits.descendants import end_all  # noqa: PLC0415

    end_all()
    os._exit(0)


def _find_runtime() -> str:
    """The image's runtime folder, or the checkout's."""
    if os.path.isdir(f"{_IN_IMAGE}/lambent_runtime"):  # noqa: PTH112 - pathlib costs 3 ms of a cold start
        return _IN_IMAGE
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    return os.path.join(here, "..", "..", "python")  # noqa: PTH118
