"""The programs of the simulated cluster: those that `make up` builds, and kwok, built from its own module into the same cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bench.kube import ROOT
from cluster import settings, versions
from cluster.host import go_build, tools
from cluster.host.command import run
from cluster.host.content import content_key
from cluster.host.locks import held
from cluster.host.progress import step

KWOK_MODULE = Path(__file__).parent / "kwok"
KWOK_PACKAGE = "sigs.k8s.io/kwok/cmd/kwok"


def find_programs() -> dict[str, Path]:
    """Paths of kube (all Kubernetes components in one), etcd, kubectl, helm and kwok.

    What the cache lacks is built, which takes minutes.
    """
    chosen = settings.read(os.environ, ROOT)
    built = go_build.build(chosen, ("kube", "etcd"), system="linux")
    return {**built, **tools.ensure(chosen, ("kubectl", "helm")), "kwok": _kwok(chosen)}


def _kwok(chosen: settings.Settings) -> Path:
    folder = chosen.cache / "go" / f"kwok-{go_build.architecture()}-{content_key(KWOK_MODULE)}"
    program = folder / "kwok"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        needed = ".".join(map(str, versions.GO_AT_LEAST))
        raise FileNotFoundError(f"kwok must be built, and there is no `go` on PATH: install Go {needed} or newer")
    with held(chosen.cache / "locks" / folder.name, "the build of kwok"):
        if not program.exists():
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = folder / "kwok.unfinished"
            with step("building kwok", "the Go compiler; the first time takes a minute or two"):
                run(
                    [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", unfinished, KWOK_PACKAGE],
                    log=chosen.logs / "kwok-build.log",
                    env={"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"},
                    cwd=KWOK_MODULE,
                    do="see whether the Go module proxy can be reached (`go env GOPROXY`), then run it again",
                )
            unfinished.replace(program)
    return program
