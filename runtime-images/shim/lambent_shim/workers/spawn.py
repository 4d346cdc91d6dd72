"""Starts processes that hold user code: the prepared interpreter by exec, all others by FORK to a template. Blocking, quick.

Imported first of all and kept light: the prepared interpreter starts while the shim still imports the rest.
"""

from __future__ import annotations

import _socket
import os
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lambent_shim.configuration import Configuration
from lambent_shim.workers import frames

WRAPPER: Final = "AWS_LAMBDA_EXEC_WRAPPER"
_CHANNEL_DESCRIPTOR: Final = 3
_USUAL_LAYERS: Final = "/opt"
"""The bootstrap's own default."""
_NO_USER_SITE: Final = "-s"
"""The user's site folder is in HOME, which is /tmp: an interpreter that is started again would run what a handler has put there."""
_TERMINATION_LOG: Final = "/dev/termination-log"
"""A file on the node, which no limit counts (Kubernetes, "Determine the Reason for Pod Failure"); everybody in the pod may write to it."""


class Ends(NamedTuple):
    """The shim's ends of a process's socket and output pipe, as descriptors."""

    channel: int
    output: int


def spawn_prepared(configuration: Configuration, environment: Mapping[str, str], *, ahead: Sequence[str] | None = None) -> tuple[int, Ends]:
    """Start the prepared interpreter; returns its pid and the shim's ends. Raises OSError when it does not start.

    Where the kernel offers Landlock, neither it nor what it forks can read the link's token, or change what is the pod's own; a filter of
    system calls keeps it from other processes' limits and priorities, the shim's, its parent's, above all.
    A generic pod's imports what handlers usually do, and the modules `ahead`, before it forks. A wrapper that the user names is given
    the command line to run, the script last, as on Lambda (developer guide, "Modifying the runtime environment").
    """
    bootstrap = f"{configuration.runtime_dir}/lambent_runtime"
    command = [configuration.python, _NO_USER_SITE, bootstrap]
    wrapper = environment.get(WRAPPER)
    if not wrapper:
        command += list_closed(configuration)
    if configuration.layers_dir != _USUAL_LAYERS or ahead is not None:
        command.append(configuration.layers_dir)
    if ahead is not None:
        command += ["--ahead", *ahead]
    if wrapper:
        # It is the user's code, and is confined before it begins.
        command = [configuration.python, "-I", "-S", f"{bootstrap}/wrapped.py", *list_closed(configuration), wrapper, *command]
    near, far = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    channel, far_channel = near.detach(), far.detach()
    output, far_output = os.pipe()
    try:
        pid = os.posix_spawnp(
            command[0],
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, far_channel, _CHANNEL_DESCRIPTOR),
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, far_output, 1),
                (os.POSIX_SPAWN_DUP2, far_output, 2),
            ],
            setsid=True,
        )
    except OSError:
        os.close(channel)
        os.close(output)
        raise
    finally:
        os.close(far_channel)
        os.close(far_output)
    return pid, Ends(channel, output)


def list_closed(configuration: Configuration) -> list[str]:
    """The prepared interpreter's options that name what is closed to the function: the token, the code, what the kubelet reads."""
    options: list[str] = []
    if configuration.token_file:
        options += ["--hidden", os.path.dirname(configuration.token_file)]  # noqa: PTH120 - pathlib costs 3 ms of a cold start
    if configuration.code_dir != configuration.task_root:
        options += ["--fixed", configuration.code_dir]
    if os.path.exists(_TERMINATION_LOG):  # noqa: PTH110
        options += ["--fixed", _TERMINATION_LOG]
    return options


def read_sharing(word: str) -> int:
    """The flags of FORK and CONFIGURE for a Function's `initialization.sharing`."""
    return {"never": frames.NEVER_SHARE, "always": frames.ALWAYS_SHARE}.get(word, 0)


def order_fork(template_channel: int, number: int, *, prepare: bool, held: bool = False, sharing: int = 0) -> Ends:
    """Tell a template to fork a child; returns the shim's ends of it. Raises OSError when the template is gone.

    `held`: it waits for CONFIGURE before it imports the handler. `sharing`: NEVER_SHARE, ALWAYS_SHARE or neither, with `prepare`.
    """
    frame = frames.encode(frames.FORK, number, flags=(frames.PREPARE if prepare else 0) | (frames.HELD if held else 0) | sharing)
    return send_ends(template_channel, frame)


def send_ends(template_channel: int, frame: bytes) -> Ends:
    """Send a frame that asks a process for a child, with the child's ends; returns the shim's. Raises OSError when the process is gone.

    The frame, at most 64 KiB, and all that was sent before and is not read yet must fit the socket's buffer (208 KiB).
    """
    near, far = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    output, far_output = os.pipe()
    template = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, template_channel)
    try:
        rights = far.fileno().to_bytes(4, "little") + far_output.to_bytes(4, "little")
        template.sendmsg([frame], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    except OSError:
        near.close()
        os.close(output)
        raise
    finally:
        template.detach()
        far.close()
        os.close(far_output)
    return Ends(near.detach(), output)
