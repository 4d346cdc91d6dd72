"""Load: wrk for latency and throughput of warm calls, plain sockets for single calls."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.kube import BenchError, wait_for

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw."""

    p50_ms: float
    p75_ms: float
    p90_ms: float
    p99_ms: float
    requests_per_second: float
    requests: int
    refused: int
    """Answers other than 2xx and 3xx; among the requests, and among the errors."""
    errors: int


@dataclass(frozen=True)
class Call:
    """One call: status, time in ms, the answer, and the parts that Server-Timing names (ms)."""

    status: int
    milliseconds: float
    body: bytes
    parts: dict[str, float]


def ensure_wrk() -> None:
    """Install wrk from Debian's packages where it is missing and we may."""
    if shutil.which("wrk"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise BenchError("the benchmark needs wrk: install the package wrk")
    subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=True, stdout=subprocess.DEVNULL)


def parse_wrk(output: str) -> Load:
    """Figures out of `wrk --latency`."""

    def quantile(name: str) -> float:
        found = re.search(rf"^\s+{name}%\s+([\d.]+)(us|ms|s|m) *$", output, re.MULTILINE)
        if found is None:
            raise BenchError(f"wrk printed no {name}% line:\n{output}")
        return float(found[1]) * _UNITS[found[2]]

    total = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", output)
    if total is None:
        raise BenchError(f"wrk printed no total:\n{output}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    refusals = int(refused[1]) if refused else 0
    errors = refusals + (sum(map(int, broken.groups())) if broken else 0)
    requests = int(total[1])
    return Load(
        quantile("50"),
        quantile("75"),
        quantile("90"),
        quantile("99"),
        requests / (float(total[2]) * _UNITS[total[3]] / 1e3),
        requests,
        refusals,
        errors,
    )


def wait_for_free_ports(connections: int) -> None:
    """Wait until the kernel has ports to spare for so many connections: with most in TIME_WAIT it searches a millisecond for each."""
    low, high = (int(bound) for bound in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())

    def are_free() -> bool:
        found = re.search(r"^TCP: .* tw (\d+)", Path("/proc/net/sockstat").read_text(), re.MULTILINE)
        return found is None or int(found[1]) + connections < (high - low) / 2

    wait_for("ports to be free", are_free)


def run_wrk(address: tuple[str, int], host: str, connections: int, seconds: int) -> Load:
    """One thread of wrk, pinned to a core, as in the peers' figures."""
    command = ["taskset", "-c", "0", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Host: {host}"]
    done = subprocess.run(
        [*command, f"http://{address[0]}:{address[1]}/"], capture_output=True, text=True, check=True, timeout=seconds + 60
    )
    return parse_wrk(done.stdout)


def parse_server_timing(value: str) -> dict[str, float]:
    """`queue;dur=1.2, init;dur=30` to {name: ms}."""
    return {name: float(duration) for name, duration in re.findall(r"([\w-]+);dur=([\d.]+)", value)}


def call(address: tuple[str, int], host: str, timeout: float = 60) -> Call:
    """GET / once over a new connection, from its first byte to the answer's last."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        connection.request("GET", "/", headers={"Host": host})
        response = connection.getresponse()
        body = response.read()
        elapsed = (time.perf_counter() - started) * 1e3
        return Call(response.status, elapsed, body, parse_server_timing(response.headers.get("Server-Timing", "")))
    finally:
        connection.close()
