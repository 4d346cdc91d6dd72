"""Run a program as a container's engine does: namespaces of its own, its control group as the root of all that it sees, PID 1, no rights.

    python container.py CGROUP_PROCS PROGRAM ARGUMENTS...

For a user without rights, in a user namespace; root's engines do the same with rights. The root is not replaced: it is read-only in the
machine of `make cgroup2`. SIGTERM is passed on; the exit status is the program's (128 and the signal where one ended it).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_NAMESPACES = 0x10000000 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000
"""CLONE_NEWUSER, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWPID (unshare(2))."""
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC, _PRIVATE = 1, 2, 4, 8, 0x44000
_REMOUNT, _BIND = 32, 4096
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_GUARDED = _NO_SUID | _NO_DEVICES | _NO_EXEC
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), what)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    _check(_libc.mount(source.encode(), target.encode(), kind and kind.encode(), flags, options.encode()), f"mount {target}")


def _leave_the_host(group: str) -> None:
    user, owner = os.getuid(), os.getgid()
    Path(group).write_text("0")
    _check(_libc.unshare(_NAMESPACES), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{owner} {owner} 1")


def _furnish(group: str) -> None:
    _mount("none", "/", None, _PRIVATE)
    _mount("proc", "/proc", "proc", _GUARDED)
    _mount(str(Path(group).parent), "/sys/fs/cgroup", None, _BIND)
    _mount("none", "/sys/fs/cgroup", None, _BIND | _REMOUNT | _READ_ONLY | _GUARDED)
    # As an emptyDir in memory is that a Pod mounts there; an engine's own is of 64 MiB.
    _mount("shm", "/dev/shm", "tmpfs", _GUARDED, "mode=1777,size=1g")


def main() -> int:
    """Start the program, wait for its end."""
    group, *program = sys.argv[1:]
    _leave_the_host(group)
    child = os.fork()
    if child == 0:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _furnish(group)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # A user other than root loses all capabilities of its namespace by exec.
        os.execv(program[0], program)
    signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(child, number))
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main())
