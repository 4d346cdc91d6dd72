"""Puts Lambent onto the cluster: its definitions, then its chart; the same step upgrades an older one."""

import os
from pathlib import Path

from cluster import state
from cluster.errors import ClusterError
from cluster.host import tools
from cluster.host.command import run
from cluster.host.content import content_key
from cluster.host.progress import step
from cluster.settings import Settings

NAMESPACE = "lambent-system"
RELEASE = "lambent"
WAIT = "180s"


def values_files(settings: Settings) -> list[Path]:
    """The chart's values for a kind cluster, then those of the user's own (VALUES)."""
    files = [settings.checkout / "charts" / "lambent" / "ci" / "kind-values.yaml"]
    if settings.values is not None:
        files.append(settings.values)
    return files


def install(settings: Settings) -> None:
    """Definitions by server-side apply, since Helm never changes those it installed; then the chart, until it is ready."""
    current = state.read(settings)
    if current is None:
        raise ClusterError("this checkout has no cluster to install into", do="run `make up`")
    programs = tools.ensure(settings, ("kubectl", "helm"))
    environment = {**os.environ, "KUBECONFIG": str(settings.kubeconfig)}
    log = settings.logs / "install.log"
    chart = settings.checkout / "charts" / "lambent"
    command: list[str | Path] = [programs["helm"], "upgrade", "--install", RELEASE, chart, "--namespace", NAMESPACE, "--create-namespace"]
    for values in values_files(settings):
        command += ["--values", values]
    # An image of the same tag moves with the checkout: its id in the pods' template makes them follow.
    command += ["--set-string", f"rollout={content_key(*sorted(current.loaded.values()))}", "--skip-crds", "--wait", "--timeout", WAIT]
    look = "look at `kubectl --kubeconfig .cluster/kubeconfig -n lambent-system get pods,events`"
    with step("installing Lambent"):
        definitions: list[str | Path] = [
            programs["kubectl"],
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            settings.checkout / "crds",
        ]
        run(definitions, log=log, env=environment, do=look)
        run(command, log=log, env=environment, do=look)
