"""What a handler can do to the limits and the priority of the other processes of its pod, and that it still manages its own.

No process here has capabilities, as in a function's pod: the kernel lets nobody change the priority of a process that has more of them.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import shutil
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.process_tree import descendants_of
from tests.support.scripted_activator import linked_shim

CODE = """
import ctypes, multiprocessing, os, resource, signal, struct, subprocess, threading, time

libc = ctypes.CDLL(None, use_errno=True)

def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def attempt(deed):
    try:
        deed()
    except OSError as error:
        return error.strerror
    return "done"

def handler(event, context):
    return globals()[event["do"]](event)

def wait(event):
    time.sleep(0.3)

def meddle(event):
    return {str(pid): meddle_with(pid, event) for pid in event["pids"] if pid != os.getpid()}

def meddle_with(pid, event):
    numbers = event["numbers"]
    scheduling = ctypes.create_string_buffer(struct.pack("=IIQiIQQQ", 48, 0, 0, 19, 0, 0, 0, 0))
    buffer = ctypes.create_string_buffer(8)
    vector = ctypes.create_string_buffer(struct.pack("@PN", ctypes.addressof(buffer), 8))
    their = ctypes.create_string_buffer(struct.pack("@PN", event["address"], 8))
    pidfd = os.pidfd_open(pid)
    widen = lambda argument: ctypes.c_long(argument) if isinstance(argument, int) else argument
    call = lambda name, *arguments: checked(libc.syscall(numbers[name], *map(widen, arguments)))
    mask = ctypes.create_string_buffer(b"\\1".ljust(128, b"\\0"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "prlimit": attempt(lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)),
        "setpriority": attempt(lambda: os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))),
        "setpriority of its group": attempt(lambda: os.setpriority(os.PRIO_PGRP, os.getpgid(pid), 19)),
        "setpriority of all": attempt(lambda: os.setpriority(os.PRIO_USER, 0, 0)),
        "ioprio_set": attempt(lambda: call("ioprio_set", 1, pid, 4 | 2 << 13)),
        "ioprio_set of all": attempt(lambda: call("ioprio_set", 3, os.getuid(), 4 | 2 << 13)),
        "sched_setscheduler": attempt(lambda: os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))),
        "sched_setparam": attempt(lambda: os.sched_setparam(pid, os.sched_param(0))),
        "sched_setattr": attempt(lambda: call("sched_setattr", pid, scheduling, 0)),
        "sched_setaffinity": attempt(lambda: os.sched_setaffinity(pid, os.sched_getaffinity(pid))),
        "ptrace": attempt(lambda: checked(libc.ptrace(16, pid, None, None))),
        "process_vm_readv": attempt(lambda: call("process_vm_readv", pid, vector, 1, their, 1, 0)),
        "process_vm_writev": attempt(lambda: call("process_vm_writev", pid, vector, 1, their, 1, 0)),
        "process_madvise": attempt(lambda: call("process_madvise", pidfd, their, 1, 20, 0)),
        "pidfd_getfd": attempt(lambda: call("pidfd_getfd", pidfd, 1, 0)),
        "migrate_pages": attempt(lambda: call("migrate_pages", pid, 64, mask, mask)),
        "move_pages": attempt(lambda: call("move_pages", pid, 0, None, None, None, 0)),
    }

def look(event):
    return len(resource.prlimit(event["pid"], resource.RLIMIT_NOFILE))

def foreign(event):
    done = subprocess.run([event["program"], str(event["pid"])])
    return done.returncode

def double(number):
    return 2 * number

def manage(event):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    resource.prlimit(0, resource.RLIMIT_NOFILE, (soft - 2, hard))
    results, usable = [], os.sched_getaffinity(0)

    def run():
        os.sched_setaffinity(threading.get_native_id(), usable)  # what pthread_setaffinity_np(3) does
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        results.append(threading.get_native_id() != os.getpid())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    os.sched_setaffinity(0, usable)
    os.sched_setaffinity(os.getpid(), usable)
    checked(libc.syscall(event["numbers"]["ioprio_set"], 1, 0, 7 | 2 << 13))
    process = multiprocessing.get_context("fork").Process(target=double, args=(2,))
    process.start()
    process.join()
    limited = subprocess.run(
        ["sh", "-c", "ulimit -n"], capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard))
    )
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    return {
        "limit": soft - resource.getrlimit(resource.RLIMIT_NOFILE)[0], "niced": os.nice(1) - nice,
        "thread": results, "multiprocessing": process.exitcode, "child": limited.stdout.strip(),
        "nice": subprocess.run(["nice", "-n", "1", "true"]).returncode,
    }
"""

REFUSED = "Operation not permitted"
BY_LANDLOCK = ["ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "migrate_pages", "move_pages"]
# asm/unistd_64.h and asm-generic/unistd.h, of what Python and libc have no functions for.
NUMBERS = {
    "x86_64": {
        "ioprio_set": 251,
        "sched_setattr": 314,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "process_madvise": 440,
        "pidfd_getfd": 438,
        "migrate_pages": 256,
        "move_pages": 279,
    },
    "aarch64": {
        "ioprio_set": 30,
        "sched_setattr": 274,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "process_madvise": 440,
        "pidfd_getfd": 438,
        "migrate_pages": 238,
        "move_pages": 239,
    },
}.get(platform.machine(), {})

pytestmark = pytest.mark.skipif(not NUMBERS, reason="there is no filter of system calls for this architecture")


_PR_CAPBSET_DROP = 24


def run_without_capabilities(steps: Coroutine[Any, Any, Any]) -> Any:
    """Run `steps` in a thread whose children get none, not even as root (capabilities(7), "bounding set")."""

    def run() -> Any:
        for capability in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
            ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # refused to an ordinary user, whose children have none
        return asyncio.run(steps)

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(run).result()


def has_capabilities(pid: int) -> bool:
    """Whether a process may do anything that needs one."""
    return "CapPrm:\t0000000000000000" not in Path(f"/proc/{pid}/status").read_text()


def test_a_handler_changes_neither_the_shims_limits_and_priority_nor_another_workers(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, CODE, concurrency=2) as (link, shim):
            assert not has_capabilities(shim.process.pid)
            for number in [link.invoke({"do": "wait"}) for _ in range(2)]:
                await link.result(number)
            pids = [shim.process.pid, *descendants_of(shim.process.pid)]
            address = ctypes.addressof(ctypes.create_string_buffer(8))
            seen = (await link.call({"do": "meddle", "pids": pids, "numbers": NUMBERS, "address": address})).json
            assert len(seen) == len(pids) - 1 >= 3, "the shim, the template and another worker"
            for pid, answers in seen.items():
                for deed, answer in answers.items():
                    if deed == "sched_setaffinity" and int(pid) != shim.process.pid:
                        assert answer == "done", "a thread's own id cannot be told from another process's"
                    else:
                        assert answer in ({REFUSED, "Permission denied"} if deed in BY_LANDLOCK else {REFUSED}), (deed, pid)
            assert (await link.call({"do": "look", "pid": shim.process.pid})).json == 2, "limits may be read"

    run_without_capabilities(run())


def test_a_handler_manages_its_own_limits_priority_threads_and_processes(tmp_path: Path) -> None:
    async def run() -> Any:
        async with linked_shim(tmp_path, CODE) as (link, _):
            return (await link.call({"do": "manage", "numbers": NUMBERS})).json

    assert run_without_capabilities(run()) == {"limit": 2, "niced": 1, "thread": [True], "multiprocessing": 0, "child": "32", "nice": 0}


I386_PROGRAM = """
int main(int count, char **arguments) {
    int pid = 0, result;
    for (char *digit = arguments[1]; *digit; digit++) pid = pid * 10 + *digit - '0';
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(97), "b"(0), "c"(pid), "d"(0) : "memory");  /* setpriority */
    return -result;
}
"""


@pytest.mark.skipif(platform.machine() != "x86_64" or not shutil.which("cc"), reason="needs a C compiler for x86_64")
def test_an_i386_call_is_no_way_round(tmp_path: Path) -> None:
    source, program = tmp_path / "foreign.c", tmp_path / "foreign"
    source.write_text(I386_PROGRAM)
    assert os.spawnvp(os.P_WAIT, "cc", ["cc", "-O1", "-o", str(program), str(source)]) == 0

    async def run() -> Any:
        async with linked_shim(tmp_path, CODE) as (link, shim):
            return (await link.call({"do": "foreign", "program": str(program), "pid": shim.process.pid})).json

    assert run_without_capabilities(run()) == 38, "ENOSYS"
