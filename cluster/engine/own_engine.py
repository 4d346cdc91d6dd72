"""Starts and stops a Docker daemon of our own, for a machine where no engine answers.

One per machine, on a socket of its own, with its images in the cache. It is found again by what
is written in RUN, and stopped when the last checkout that uses it takes its cluster down.
"""

import dataclasses
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from cluster import versions
from cluster.engine import engine_users, host_network
from cluster.engine.engine import Engine
from cluster.engine.engine_users import User
from cluster.errors import ClusterError
from cluster.host import json_file, leftovers, processes
from cluster.host.capabilities import lacks_sys_resource
from cluster.host.command import answers
from cluster.host.go_build import build
from cluster.host.locks import held
from cluster.host.packages import ENGINE_PROGRAMS, install, program
from cluster.host.processes import ProcessId
from cluster.host.progress import say, step
from cluster.settings import Settings

RUN = Path("/run/lambent")
SOCKET = RUN / "docker.sock"
CGROUP = "lambent-engine"
"""At the top of every hierarchy: a relative name would be nested in the starter's own group."""
START_SECONDS = 40
STOP_SECONDS = 25
_RECORD = RUN / "engine.json"
_USERS = RUN / "users"
_LOG = RUN / "dockerd.log"
_LOCK = Path("/run/lambent.lock")


def daemon_configuration(data_root: Path, mtu: int, restricted_runc: Path | None) -> dict[str, Any]:
    """dockerd's whole configuration: it reads no other file and shares no folder with another daemon."""
    configuration: dict[str, Any] = {
        "hosts": [f"unix://{SOCKET}"],
        "data-root": str(data_root),
        "exec-root": str(RUN / "exec"),
        "pidfile": str(RUN / "docker.pid"),
        "bridge": host_network.BRIDGE,
        "cgroup-parent": f"/{CGROUP}",
        "default-address-pools": [{"base": versions.ENGINE_NETWORK_POOL, "size": 24}],
        "mtu": mtu,
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "deprecated-key-path": str(RUN / "key.json"),
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "2"},
    }
    if restricted_runc is not None:
        configuration["runtimes"] = {"restricted": {"path": str(restricted_runc)}}
        configuration["default-runtime"] = "restricted"
    return configuration


def client() -> Engine:
    """Our engine, talked to by the client of the same package."""
    docker = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else program("docker") or "docker"
    # The package's client has no buildx, and the daemon of its age builds without it.
    extra = {"DOCKER_HOST": f"unix://{SOCKET}", "DOCKER_BUILDKIT": "0", "DOCKER_CONTEXT": ""}
    return Engine(name="docker", client=docker, own=True, extra_env=extra)


def is_answering() -> bool:
    if not SOCKET.exists():
        return False
    engine = client()
    return bool(answers([engine.client, "version", "--format", "{{.Server.Version}}"], env=engine.env))


def was_started() -> bool:
    """Whether something of an engine of ours is, or may be, on this machine."""
    return _RECORD.exists() or SOCKET.exists()


def has_cluster(name: str) -> bool:
    return any(user.cluster == name for user in engine_users.all_users(_USERS))


def _recorded_process() -> ProcessId | None:
    record = json_file.read(_RECORD)
    if not record or not record.get("process"):
        return None
    process = ProcessId(**record["process"])
    return process if processes.is_alive(process) else None


def _other_docker() -> bool:
    ours = _recorded_process()
    return any(process != ours for process in processes.named("dockerd"))


def ensure(settings: Settings) -> Engine:
    """An engine of our own that answers and that this checkout's cluster is counted on."""
    install(settings, ENGINE_PROGRAMS)
    with held(_LOCK, "the container engine's start or stop"):
        engine_users.claim(_USERS, User(settings.name, settings.checkout, processes.identify(os.getpid())))
        if is_answering():
            return client()
        if stale := _recorded_process():
            say("the container engine we started no longer answers: starting it again")
            processes.end(stale, STOP_SECONDS)
        _start(settings)
    return client()


def _start(settings: Settings) -> None:
    leftovers.end_processes(str(RUN / "exec"))
    host_network.cut_cables()
    runc = build(settings, ["restricted-runc"])["restricted-runc"] if lacks_sys_resource() else None
    record = json_file.read(_RECORD) or {"before": host_network.record(), "data_root": str(settings.cache / "engine")}
    json_file.write(_RECORD, {**record, "process": None})
    host_network.make_bridge()
    configuration = daemon_configuration(Path(record["data_root"]), host_network.mtu_of_default_route(), runc)
    json_file.write(RUN / "daemon.json", configuration)
    for stale in (RUN / "docker.pid", RUN / "exec/containerd/containerd.pid"):
        stale.unlink(missing_ok=True)
    with step("starting a container engine of our own", f"dockerd to answer on {SOCKET}"):
        with _LOG.open("ab") as sink:
            child = subprocess.Popen(
                [program("dockerd") or "dockerd", "--config-file", str(RUN / "daemon.json")],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env={**os.environ, "DOCKER_RAMDISK": "", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
            )
        process = processes.identify(child.pid)
        json_file.write(_RECORD, {**record, "process": dataclasses.asdict(process) if process else None})
        deadline = time.monotonic() + START_SECONDS
        while not is_answering():
            if child.poll() is not None:
                raise ClusterError("dockerd ended at its start", log=_LOG, do="see the lines above; `make down` clears what is left")
            if time.monotonic() > deadline:
                raise ClusterError(f"dockerd did not answer within {START_SECONDS} s", log=_LOG, do="see the lines above")
            time.sleep(0.1)


def existing_clusters(engine: Engine) -> set[str]:
    """The names of the kind clusters that have a container in this engine."""
    label = "io.x-k8s.kind.cluster"
    listing = answers([engine.client, "ps", "-a", "--filter", f"label={label}", "--format", f'{{{{.Label "{label}"}}}}'], env=engine.env)
    return set((listing or "").split())


def release(settings: Settings) -> None:
    """Gives up this checkout's claim; the engine goes with the last one."""
    with held(_LOCK, "the container engine's start or stop"):
        engine = client()
        engine_users.release(_USERS, settings.name)
        existing = existing_clusters(engine) if is_answering() else set()
        remaining = engine_users.staying(engine_users.all_users(_USERS), settings.name, existing, processes.is_alive)
        if remaining:
            others = ", ".join(f"{user.cluster} ({user.checkout})" for user in remaining)
            say(f"the container engine stays up for {others}")
            return
        with step("stopping the container engine we started", "its containers to end"):
            _stop(engine)


def _stop(engine: Engine) -> None:
    if is_answering():
        containers = (answers([engine.client, "ps", "-aq"], env=engine.env) or "").split()
        if containers:
            answers([engine.client, "rm", "-f", "-v", *containers], env=engine.env, timeout=60)
        answers([engine.client, "network", "prune", "-f"], env=engine.env)
        answers([engine.client, "image", "prune", "-f", "--filter", "until=48h"], env=engine.env, timeout=60)
        answers([engine.client, "volume", "prune", "-f"], env=engine.env, timeout=60)
    if process := _recorded_process():
        processes.end(process, STOP_SECONDS)
    leftovers.end_processes(str(RUN / "exec"))
    record = json_file.read(_RECORD)
    data_root = Path(record["data_root"]) if record else None
    leftovers.unmount_below([RUN, *([data_root] if data_root else [])])
    leftovers.remove_cgroups(CGROUP)
    host_network.mend(record["before"] if record else host_network.NOTHING, other_docker=_other_docker())
    leftovers.remove_folder(RUN)
    leftovers.remove_empty(Path("/run/containerd"))  # where shims meet, whoever started them
    _LOCK.unlink(missing_ok=True)
