"""Builds programs out of the Go modules pinned in modules/go.mod, once per content of that folder."""

import platform
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster import versions
from cluster.errors import ClusterError
from cluster.host.command import answers, run
from cluster.host.content import content_key
from cluster.host.locks import held
from cluster.host.progress import step
from cluster.settings import Settings

MODULES = Path(__file__).parents[1] / "modules"
HOST_TOOLS = ("kubectl", "kind", "helm")
NODE_PROGRAMS = ("kube", "kubectl", "etcd", "coredns", "pause", "restricted-runc", "policy-agent")
_PACKAGES = {"helm": "helm.sh/helm/v3/cmd/helm", "kind": "sigs.k8s.io/kind"}
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def architecture() -> str:
    """Return the machine's architecture, in Go's words."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise ClusterError(f"no images are built for the architecture {machine!r}", do="use an x86_64 or arm64 machine")
    return _ARCHITECTURES[machine]


def _linker_flags() -> str:
    major, minor, _ = versions.KUBERNETES.removeprefix("v").split(".")
    stamps = {
        "gitVersion": versions.KUBERNETES,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    stamped = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in stamps.items())
    return f"-s -w {stamped} -X helm.sh/helm/v3/internal/version.version={versions.HELM}"


def version_of_go(text: str) -> tuple[int, int] | None:
    """(1, 26) out of `go version go1.26.8 linux/amd64`."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def find_go(purpose: str, at_least: tuple[int, int] = versions.GO_AT_LEAST) -> str:
    """The `go` on PATH; raises ClusterError where it is missing or older."""
    needed = ".".join(map(str, at_least))
    go = shutil.which("go")
    if go is None:
        raise ClusterError(
            f"{purpose} must be built, and there is no `go` on PATH",
            do=f"install Go {needed} or newer, or put {purpose} on PATH",
        )
    found = version_of_go(answers([go, "version"]) or "")
    if found is None or found < at_least:
        have = ".".join(map(str, found)) if found else "one that does not say its version"
        raise ClusterError(f"{purpose} must be built with Go {needed} or newer; {go} is {have}", do=f"install Go {needed}")
    return go


def build(settings: Settings, names: Sequence[str], *, system: str = sys.platform) -> dict[str, Path]:
    """Where each program is, those that the cache lacks having been built."""
    target = f"{system}-{architecture()}"
    key = content_key(MODULES, _linker_flags())
    folder = settings.cache / "go" / f"{target}-{key}"
    programs = {name: folder / name for name in names}
    if all(path.exists() for path in programs.values()):
        return programs
    with held(settings.cache / "locks" / f"go-{folder.name}", "the Go build"):
        missing = [name for name, path in programs.items() if not path.exists()]
        if missing:
            _build_missing(settings, missing, folder, system)
    return programs


def _build_missing(settings: Settings, missing: Sequence[str], folder: Path, system: str) -> None:
    go = find_go(", ".join(missing))
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    packages = [_PACKAGES.get(name, f"./{name}") for name in missing]
    with step(f"building {', '.join(missing)}", "the Go compiler; the first time takes minutes"):
        run(
            [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", _linker_flags(), "-o", f"{unfinished}/", *packages],
            log=settings.logs / "go-build.log",
            env={"CGO_ENABLED": "0", "GOOS": system, "GOARCH": architecture(), "GOFLAGS": "-mod=readonly", "GOWORK": "off"},
            cwd=MODULES,
            do="see whether the Go module proxy can be reached (`go env GOPROXY`), then run it again",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name in missing:
        (unfinished / name).replace(folder / name)
    shutil.rmtree(unfinished)
