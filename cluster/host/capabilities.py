"""What the host gives: capabilities, the version of its control groups."""

from pathlib import Path

SYS_RESOURCE_BIT = 24


def has_capability(status: str, bit: int) -> bool:
    """Whether the bounding set in the text of /proc/PID/status holds a capability."""
    for line in status.splitlines():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> bit & 1)
    return True


def lacks_sys_resource() -> bool:
    """Without CAP_SYS_RESOURCE privileged containers and negative OOM scores are refused."""
    status = Path("/proc/self/status")
    return status.exists() and not has_capability(status.read_text(), SYS_RESOURCE_BIT)
