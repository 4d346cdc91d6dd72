"""Puts gVisor into the nodes of the cluster that `up` made: a runtime handler `runsc`, and a RuntimeClass `gvisor` that names it.

On top of any kind node: its containerd is told of one runtime more and started again, which no container notices.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from cluster import state
from cluster.engine.engine import Engine
from cluster.errors import ClusterError
from cluster.host import tools
from cluster.host.command import answers, output, run
from cluster.host.content import content_key
from cluster.host.go_build import architecture, find_go
from cluster.host.locks import held
from cluster.host.progress import say, step
from cluster.kind.kind import Kind
from cluster.settings import Settings
from cluster.up import engine_for

MODULES = Path(__file__).parent / "gvisor-modules"
MODULE = "gvisor.dev/gvisor"
GO_AT_LEAST = (1, 26)
PROGRAMS = {"runsc": f"{MODULE}/runsc", "gvisor-shim": f"{MODULE}/shim"}
SHIM_SCORE = ("pkg/shim/v1/manager.go", "oomScoreMax = -999", "oomScoreMax = 0")
"""A node without CAP_SYS_RESOURCE can give no process a negative OOM score, and gVisor's shim does not go on without."""

RUNTIME_CLASS = """\
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: gvisor}
handler: runsc
overhead: {podFixed: {memory: 96Mi, cpu: 50m}}
"""
START_SHIM = """\
#!/bin/sh
# containerd before 1.7 takes the address alone from a shim that it starts; what gVisor's says is JSON, for newer ones.
here=${0%/*}
for action; do :; done
[ "$action" = start ] || exec "$here/gvisor-shim" "$@"
said=$("$here/gvisor-shim" "$@") || exit
said=${said#*'"address":"'}
echo "${said%%'"'*}"
"""
OPTIONS = """\
[runsc_config]
platform = "systrap"
"""
_OPTIONS_FILE = "/etc/containerd/runsc.toml"
_PLUGIN = {2: "io.containerd.grpc.v1.cri", 3: "io.containerd.cri.v1.runtime"}
"""The plugin whose runtimes pods can name, by the version of containerd's configuration."""
_CONFIGURATIONS = ("/kind/containerd.toml", "/etc/containerd/config.toml")
"""On our own node image the first is what the second is made of at each start."""


def install(settings: Settings) -> None:
    """Builds gVisor and puts it into every node; done again, it changes nothing."""
    current = state.read(settings)
    settings = state.settle(settings, current)
    if current is None or current.engine == "existing":
        raise ClusterError("this checkout has no kind cluster to put gVisor into", do="run `make up` first")
    programs = build(settings)
    engine = engine_for(settings)
    kind = Kind(settings, engine, tools.ensure(settings))
    nodes = sorted(kind.containers())
    for node in nodes:
        with step(f"putting gVisor into {node}"):
            _install_in(settings, engine, node, programs)
    kind.wait_until_ready(len(nodes))
    output([settings.binaries / "kubectl", "--kubeconfig", settings.kubeconfig, "apply", "-f", "-"], stdin=RUNTIME_CLASS)
    say("gVisor is there: `runtimeClassName: gvisor`")


def build(settings: Settings) -> dict[str, Path]:
    """Where gVisor's programs are, built where the cache lacks them: two minutes alone on two cores."""
    folder = settings.cache / "go" / f"gvisor-linux-{architecture()}-{content_key(MODULES, *SHIM_SCORE)}"
    with held(settings.cache / "locks" / folder.name, "the build of gVisor"):
        if not folder.exists():
            with step("building gVisor", "the Go compiler; it takes minutes"):
                _build(settings, folder)
    return {name: folder / name for name in PROGRAMS}


def _build(settings: Settings, folder: Path) -> None:
    go = find_go("gVisor", GO_AT_LEAST)
    log = settings.logs / "gvisor-build.log"
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        shutil.copytree(MODULES, unfinished)
        do = "see whether the Go module proxy can be reached (`go env GOPROXY`), then run it again"
        run([go, "mod", "download", MODULE], log=log, cwd=unfinished, do=do)
        source = unfinished / "source"
        shutil.copytree(output([go, "-C", str(unfinished), "list", "-m", "-f", "{{.Dir}}", MODULE]).strip(), source)
        run(["chmod", "-R", "u+w", source], log=log)
        file, before, after = SHIM_SCORE
        text = (source / file).read_text()
        if before not in text:
            raise ClusterError(f"gVisor's {file} does not say {before!r} any more", do="mend SHIM_SCORE in cluster/gvisor.py")
        (source / file).write_text(text.replace(before, after))
        with (unfinished / "go.mod").open("a") as file_of_modules:
            file_of_modules.write(f"\nreplace {MODULE} => ./source\n")
        env = {"CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": architecture(), "GOFLAGS": "-mod=mod", "GOWORK": "off"}
        for name, package in PROGRAMS.items():
            target = ["-o", str(unfinished / "made" / name)]
            run(
                [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", *target, package],
                log=log,
                env=env,
                cwd=unfinished,
                do=do,
            )
        (unfinished / "made").replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def with_runtime(configuration: str) -> str:
    """containerd's configuration with the runtime `runsc` at its end; as it is where it has that."""
    if ".runtimes.runsc]" in configuration:
        return configuration
    version = next((int(line.split("=")[1]) for line in configuration.splitlines() if line.replace(" ", "").startswith("version=")), 1)
    if version not in _PLUGIN:
        raise ClusterError(
            f"the node's containerd has a configuration of version {version}", do="use a node whose containerd is 1.6 or newer"
        )
    section = f'plugins."{_PLUGIN[version]}".containerd.runtimes.runsc'
    return f"""{configuration.rstrip()}

[{section}]
  runtime_type = "io.containerd.runsc.v1"

  [{section}.options]
    TypeUrl = "io.containerd.runsc.v1.options"
    ConfigPath = "{_OPTIONS_FILE}"
"""


def _install_in(settings: Settings, engine: Engine, node: str, programs: dict[str, Path]) -> None:
    log = settings.logs / "gvisor.log"
    for name, path in programs.items():
        run([engine.client, "cp", path, f"{node}:/usr/local/bin/{name}"], log=log, env=engine.env)
    _write(engine, node, "/usr/local/bin/containerd-shim-runsc-v1", START_SHIM, mode="0755")
    _write(engine, node, _OPTIONS_FILE, OPTIONS, mode="0644")
    changed = [_add_runtime(engine, node, path) for path in _existing(engine, node, _CONFIGURATIONS)]
    if any(changed):
        # systemd, or our own node's init, starts it again.
        output([engine.client, "exec", node, "pkill", "-x", "containerd"], env=engine.env)


def _existing(engine: Engine, node: str, paths: Iterable[str]) -> list[str]:
    return [path for path in paths if answers([engine.client, "exec", node, "test", "-f", path], env=engine.env) is not None]


def _add_runtime(engine: Engine, node: str, path: str) -> bool:
    before = output([engine.client, "exec", node, "cat", path], env=engine.env)
    after = with_runtime(before)
    if after != before:
        _write(engine, node, path, after, mode="0644")
    return after != before


def _write(engine: Engine, node: str, path: str, text: str, *, mode: str) -> None:
    script = f"cat >{path} && chmod {mode} {path}"
    output([engine.client, "exec", "-i", node, "sh", "-c", script], env=engine.env, stdin=text)
