"""Forks processes on the shim's orders, and looks at what a process has that a fork would share or lose."""

from __future__ import annotations

import fcntl
import os
from typing import NamedTuple

from lambent_runtime import frames
from lambent_runtime.channel import Channel
from lambent_runtime.surroundings import configure

_HIGH_DESCRIPTOR = 900
"""The channel and the output live up here, where handlers that close "everything" rarely look (Lambda's own limit is 1024)."""

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


class Order(NamedTuple):
    """A child to fork."""

    prepare: bool
    held: bool
    sharing: int
    """NEVER_SHARE or ALWAYS_SHARE of lambent_runtime.frames, or neither."""
    channel: int
    output: int

    def move_up(self) -> Order:
        """The same with descriptors that can stay open while user code runs."""
        return self._replace(channel=_move_up(self.channel), output=_move_up(self.output))

    def decline(self) -> None:
        """Close the child's descriptors: those of this process, or all there are, which tells the shim that there is no child."""
        for descriptor in (self.channel, self.output):
            try:
                os.close(descriptor)
            except OSError:
                continue  # user code has closed everything it could find


def read_order(frame: frames.Frame, descriptors: list[int]) -> Order | None:
    """What came with two descriptors asks for a child; those of anything else are closed."""
    if len(descriptors) == 2:
        sharing = frame.flags & (frames.NEVER_SHARE | frames.ALWAYS_SHARE)
        if frame.kind == frames.CONFIGURE:
            return Order(False, False, sharing, *descriptors)
        return Order(bool(frame.flags & frames.PREPARE), bool(frame.flags & frames.HELD), sharing, *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return None


def wait_for_fork(channel: Channel) -> Order:
    """Fork a child for each FORK; returns in the children only. Raises ChannelClosedError in the template when the shim is gone.

    What CONFIGURE says holds for the children forked after it.
    """
    while True:
        frame, descriptors = channel.read_with_descriptors(2)
        order = read_order(frame, descriptors)
        if frame.kind == frames.CONFIGURE:
            configure(frame.payload)
        if order is None:
            continue
        if frame.kind == frames.FORK and _fork_detached():
            return order
        order.decline()


def _fork_detached() -> bool:
    """Whether this is the child. It is a grandchild by birth, so that the shim adopts it and learns how it ended.

    A fork that fails closes the child's channel unanswered, which tells the shim.
    """
    try:
        middle = os.fork()
    except OSError:
        return False
    if middle:
        os.waitpid(middle, 0)
        return False
    try:
        child = os.fork()
    except OSError:
        os._exit(1)
    if child:
        os._exit(0)
    return True


def adopt(order: Order, template: Channel) -> tuple[Channel, int]:
    """Make the child a process of its own: session, standard streams, channel. Returns its channel and its output's descriptor."""
    template.close()
    os.setsid()
    os.dup2(order.output, 1)
    os.dup2(order.output, 2)
    output = _move_up(order.output)
    channel = Channel(_move_up(order.channel))
    os.register_at_fork(after_in_child=lambda: os.close(channel.socket.detach()) if channel.fileno() >= 0 else None)
    return channel, output


def _move_up(descriptor: int) -> int:
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH_DESCRIPTOR)
    except OSError:
        os.set_inheritable(descriptor, False)
        return descriptor
    os.close(descriptor)
    return moved


class Footprint(NamedTuple):
    """What a fork would share or lose."""

    threads: int
    children: bool
    descriptors: frozenset[tuple[str, str]]


def take_footprint(without: Order | None = None) -> Footprint:
    """Threads, children and open descriptors of this process, those of a child to fork left out."""
    descriptors = []
    left_out = {str(without.channel), str(without.output)} if without else ()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - pathlib costs 3 ms of a cold start
        if name in left_out:
            continue
        try:
            descriptors.append((name, os.readlink(f"/proc/self/fd/{name}")))  # noqa: PTH115
        except OSError:
            continue
    tasks = os.listdir("/proc/self/task")  # noqa: PTH208
    children = False
    for task in tasks:
        try:
            with open(f"/proc/self/task/{task}/children", "rb") as file:  # noqa: PTH123
                children = children or bool(file.read())
        except OSError:
            continue
    return Footprint(len(tasks), children, frozenset(descriptors))


def measure_resident_kib() -> int:
    """Resident memory of this process."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - pathlib costs 3 ms of a cold start
        return int(file.read().split()[1]) * _PAGE_KIB
