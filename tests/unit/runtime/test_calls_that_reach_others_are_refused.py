"""What the filter of system calls answers to each call, on each architecture: its program, run by a small interpreter of classic BPF."""

from __future__ import annotations

import errno
import itertools
import struct
import subprocess
import sys

import pytest

from lambent_runtime.refused_calls import assemble
from tests.support.bootstrap_driver import RUNTIME_DIR

SHIM = 7
ALLOWED, EPERM, ENOSYS = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386, ARM = 0x40000003, 0x40000028
X32 = 0x40000000
# asm/unistd_64.h and asm-generic/unistd.h, written a second time on purpose.
CALLS = {
    "x86_64": {
        "prlimit64": 302,
        "setpriority": 141,
        "ioprio_set": 251,
        "sched_setaffinity": 203,
        "sched_setscheduler": 144,
        "sched_setparam": 142,
        "sched_setattr": 314,
    },
    "aarch64": {
        "prlimit64": 261,
        "setpriority": 140,
        "ioprio_set": 30,
        "sched_setaffinity": 122,
        "sched_setscheduler": 119,
        "sched_setparam": 118,
        "sched_setattr": 274,
    },
}
OTHERS = (1, SHIM, 4711, 0xFFFFFFFF, 0xFFFFFFFF_00000001)
ONESELF = (0, 0xFFFFFFFF_00000000)
"""The kernel takes a process id from an argument's lower half."""
LIMITS = (0x1000, 0x7FFF_00000000, 0xFFFFFFFF)
"""Addresses, of which either half may be zero."""

both_machines = pytest.mark.parametrize("machine", list(CALLS))


def answer(machine: str, number: int, *arguments: int, audit: int = 0, shim: int = SHIM) -> int:
    """What the program returns for a call: `struct seccomp_data` in, an action of seccomp(2) out."""
    padded = [*arguments, *[0xABCD] * 6][:6]
    data = struct.pack("<IIQ6Q", number, audit or AUDIT[machine], 0x7F00_DEADBEEF, *padded)
    program = list(struct.iter_unpack("<HBBI", assemble(machine, shim)))
    place, word = 0, 0
    while True:
        code, then, otherwise, value = program[place]
        place += 1
        if code == 0x20:
            assert value % 4 == 0, "the kernel refuses such a program"
            (word,) = struct.unpack_from("<I", data, value)
        elif code == 0x15:
            place += then if word == value else otherwise
        elif code == 0x35:
            place += then if word >= value else otherwise
        else:
            assert code == 0x06
            return int(value)


@both_machines
def test_limits_of_others_are_read_and_not_set(machine: str) -> None:
    prlimit = CALLS[machine]["prlimit64"]
    for pid, limits in itertools.product(OTHERS, LIMITS):
        assert answer(machine, prlimit, pid, 7, limits, 0) == EPERM, (pid, limits)
    for pid in (*OTHERS, *ONESELF):
        assert answer(machine, prlimit, pid, 7, 0, 0x1000) == ALLOWED
    for pid, limits in itertools.product(ONESELF, LIMITS):
        assert answer(machine, prlimit, pid, 7, limits, 0) == ALLOWED


@both_machines
@pytest.mark.parametrize(("call", "kinds", "user"), [("setpriority", (0, 1), 2), ("ioprio_set", (1, 2), 3)])
def test_priority_is_ones_own_or_that_of_ones_own_group(machine: str, call: str, kinds: tuple[int, ...], user: int) -> None:
    for kind, who in itertools.product(kinds, OTHERS):
        assert answer(machine, CALLS[machine][call], kind, who, 19) == EPERM
    for kind, who in itertools.product(kinds, ONESELF):
        assert answer(machine, CALLS[machine][call], kind, who, 19) == ALLOWED
    for who in (*OTHERS, *ONESELF):
        assert answer(machine, CALLS[machine][call], user, who, 19) == EPERM, "all processes of a user id"


@both_machines
@pytest.mark.parametrize("call", ["sched_setscheduler", "sched_setparam", "sched_setattr"])
def test_scheduling_is_ones_own(machine: str, call: str) -> None:
    assert {answer(machine, CALLS[machine][call], pid, 0) for pid in OTHERS} == {EPERM}
    assert {answer(machine, CALLS[machine][call], pid, 0) for pid in ONESELF} == {ALLOWED}


@both_machines
def test_every_threads_cpus_can_be_set_but_the_shims(machine: str) -> None:
    number = CALLS[machine]["sched_setaffinity"]
    for pid in (0, 1, 8, 4711):
        assert answer(machine, number, pid, 8, 0x1000) == ALLOWED
    for pid in (SHIM, 0xFFFFFFFF_00000000 | SHIM):
        assert answer(machine, number, pid, 8, 0x1000) == EPERM
    assert answer(machine, number, 0, 8, 0x1000, shim=0) == ALLOWED, "a parent in another namespace has no process id"


@both_machines
def test_all_other_calls_go_through(machine: str) -> None:
    others = set(range(600)) - set(CALLS[machine].values())
    assert {answer(machine, number, *[SHIM] * 6) for number in others} == {ALLOWED}


@both_machines
def test_calls_of_another_abi_are_no_way_round(machine: str) -> None:
    foreign = [I386, ARM, *(audit for name, audit in AUDIT.items() if name != machine)]
    for audit, number in itertools.product(foreign, range(600)):
        assert answer(machine, number, *[SHIM] * 6, audit=audit) == ENOSYS
    for number in range(600):
        assert answer(machine, X32 | number, *[SHIM] * 6) == ENOSYS


@both_machines
def test_every_path_of_the_program_ends(machine: str) -> None:
    program = list(struct.iter_unpack("<HBBI", assemble(machine, SHIM)))
    for place, (code, then, otherwise, _) in enumerate(program):
        if code in {0x15, 0x35}:
            assert max(then, otherwise) + place + 1 < len(program)
    assert program[-1][0] == 0x06


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("os.uname = lambda: type('', (), {'machine': 'riscv64'})", "there is no filter of system calls for riscv64"),
        (
            "refused_calls._CALLS = {name: {**calls, 'seccomp': 9999} for name, calls in refused_calls._CALLS.items()}",
            "the kernel, or the container's seccomp profile, refuses a filter of system calls",
        ),
        ("refused_calls._SPEC_ALLOW = 1 << 30", ""),
    ],
    ids=["another architecture", "no seccomp", "a kernel that does not know the flag"],
)
def test_what_prevents_the_filter_is_said(change: str, why: str) -> None:
    code = f"import os, sys; sys.path.insert(0, {str(RUNTIME_DIR)!r})\nfrom lambent_runtime import refused_calls\n{change}\n"
    code += "print(refused_calls.refuse_calls(1))"
    said = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == why
