"""Refuses the system calls by which a process changes limits and priority of others with its user id: the shim's and other workers'.

By a seccomp filter (seccomp(2)), for good and with all children; Landlock (`lambent_runtime.confinement`) knows nothing of these calls.
A filter sees the arguments' numbers only, so a process must name itself as 0: its own process id is refused as any other's.
"""

from __future__ import annotations

import _ctypes  # what ctypes is made of: of itself that is a millisecond more
import errno
import os
import struct
import sys
from collections.abc import Callable
from typing import Any

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_SPEC_ALLOW = 1 << 2
"""Linux 4.17 to 5.15 would else slow down all code under a filter, against Speculative Store Bypass."""

_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Where `struct seccomp_data` has them; an argument is two words, on both architectures the low one first."""
_PRIO_USER, _IOPRIO_WHO_USER = 2, 3

_Byte: Any = type("_Byte", (_ctypes._SimpleCData,), {"_type_": "B"})  # noqa: SLF001 - what ctypes.c_ubyte is


_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The architectures' own numbers (linux/audit.h)."""
_CALLS = {
    "x86_64": {
        "seccomp": 317,
        "prlimit64": 302,
        "setpriority": 141,
        "ioprio_set": 251,
        "sched_setaffinity": 203,
        "sched_setscheduler": 144,
        "sched_setparam": 142,
        "sched_setattr": 314,
    },
    "aarch64": {
        "seccomp": 277,
        "prlimit64": 261,
        "setpriority": 140,
        "ioprio_set": 30,
        "sched_setaffinity": 122,
        "sched_setscheduler": 119,
        "sched_setparam": 118,
        "sched_setattr": 274,
    },
}
"""Their numbers of system calls (asm/unistd.h)."""
_FOREIGN = 0x40000000
"""On x86_64, calls from here on are of the x32 ABI; aarch64 has none."""


def refuse_calls(shim: int) -> str:
    """Refuse them to this process and all that it starts; `shim` is the shim's process id. Returns why it could not be, or nothing."""
    machine = os.uname().machine
    if machine not in _CALLS or sys.maxsize < 1 << 32:
        return f"there is no filter of system calls for {machine}"
    process = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None: the process itself
    call: Callable[..., int] = _ctypes.call_function
    instructions = assemble(machine, shim)
    program = (_Byte * len(instructions)).from_buffer_copy(instructions)
    call(_ctypes.dlsym(process, "prctl"), (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    described = struct.pack("@HP", len(instructions) // 8, _ctypes.addressof(program))
    for flags in (_SPEC_ALLOW, 0):  # what does not know the flag (gVisor) does not slow code down either
        if call(_ctypes.dlsym(process, "syscall"), (_CALLS[machine]["seccomp"], _SET_MODE_FILTER, flags, described)) == 0:
            return ""
    return "the kernel, or the container's seccomp profile, refuses a filter of system calls"


def assemble(machine: str, shim: int) -> bytes:
    """The filter as a program of classic BPF: EPERM for what reaches other processes, ENOSYS for calls of another ABI (i386, x32).

    Setting the CPUs of other threads stays possible, as threads' libraries do it (pthread_setaffinity_np(3)), but of the shim's first.
    """
    numbers = _CALLS[machine]
    lines: list[tuple[str, int, int, str, str]] = []

    def add(label: str, code: int, value: int, then: str = "", otherwise: str = "") -> None:
        lines.append((label, code, value, then, otherwise))

    add("", _LOAD_WORD, _ARCHITECTURE)
    add("", _JUMP_EQUAL, _AUDIT[machine], "", "foreign")
    add("", _LOAD_WORD, _NUMBER)
    add("", _JUMP_AT_LEAST, _FOREIGN, "foreign")
    add("", _JUMP_EQUAL, numbers["prlimit64"], "prlimit")
    add("", _JUMP_EQUAL, numbers["setpriority"], "setpriority")
    add("", _JUMP_EQUAL, numbers["ioprio_set"], "ioprio_set")
    add("", _JUMP_EQUAL, numbers["sched_setaffinity"], "affinity")
    for name in ("sched_setscheduler", "sched_setparam", "sched_setattr"):
        add("", _JUMP_EQUAL, numbers[name], "pid first")
    add("allow", _RETURN, _ALLOW)

    add("prlimit", _LOAD_WORD, _ARGUMENTS + 2 * 8)  # no new limits: it only reads
    add("", _JUMP_EQUAL, 0, "", "pid first")
    add("", _LOAD_WORD, _ARGUMENTS + 2 * 8 + 4)
    add("", _JUMP_EQUAL, 0, "may", "pid first")
    add("pid first", _LOAD_WORD, _ARGUMENTS)  # pid_t is 32 bits: the kernel drops the others
    add("", _JUMP_EQUAL, 0, "may", "refuse")

    add("setpriority", _LOAD_WORD, _ARGUMENTS)
    add("", _JUMP_EQUAL, _PRIO_USER, "refuse", "pid second")  # 0 would be all that have this user id
    add("ioprio_set", _LOAD_WORD, _ARGUMENTS)
    add("", _JUMP_EQUAL, _IOPRIO_WHO_USER, "refuse", "pid second")
    add("pid second", _LOAD_WORD, _ARGUMENTS + 8)
    add("", _JUMP_EQUAL, 0, "may", "refuse")

    add("affinity", _LOAD_WORD, _ARGUMENTS)
    add("", _JUMP_EQUAL, shim, "refuse" if shim else "may", "may")

    add("may", _RETURN, _ALLOW)
    add("refuse", _RETURN, _FAIL | errno.EPERM)
    add("foreign", _RETURN, _FAIL | errno.ENOSYS)

    places = {line[0]: place for place, line in enumerate(lines) if line[0]}
    return b"".join(
        struct.pack("=HBBI", code, *(places[label] - place - 1 if label else 0 for label in (then, otherwise)), value)
        for place, (_, code, value, then, otherwise) in enumerate(lines)
    )
