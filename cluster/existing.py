"""CLUSTER=existing: the current context of the user's own kubeconfig, used as it is."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from cluster import product_images, state, versions
from cluster.errors import ClusterError
from cluster.host import tools
from cluster.host.command import output
from cluster.host.progress import say
from cluster.settings import Settings
from cluster.state import State


def front_address(nodes: list[dict[str, Any]]) -> str | None:
    """The address of a ready node that clients can reach best: an external one before an internal one."""
    for kind in ("ExternalIP", "InternalIP"):
        for node in nodes:
            conditions = {entry["type"]: entry["status"] for entry in node["status"].get("conditions", [])}
            if conditions.get("Ready") != "True":
                continue
            for address in node["status"].get("addresses", []):
                if address["type"] == kind:
                    found = str(address["address"])
                    return f"[{found}]" if ":" in found else found
    return None


def up(settings: Settings) -> None:
    """Copies the current context and works out what its endpoint will be."""
    kubectl = tools.ensure(settings, ("kubectl", "helm"))["kubectl"]
    do = "point KUBECONFIG at a cluster that answers (`kubectl get nodes`), or leave CLUSTER out for a kind cluster"
    if _is_our_copy(os.environ.get("KUBECONFIG", ""), settings.kubeconfig):
        raise ClusterError("KUBECONFIG names the copy in .cluster, not your own file", do="unset KUBECONFIG or name your own file")
    context = output([kubectl, "config", "view", "--minify", "--flatten", "--raw"], do=do)
    nodes = json.loads(output([kubectl, "get", "nodes", "-o", "json"], do=do))["items"]
    address = front_address(nodes)
    if address is None:
        raise ClusterError("no node of the existing cluster is ready", do="look at `kubectl get nodes`")
    settings.kubeconfig.touch(mode=0o600)
    settings.kubeconfig.write_text(context)
    (settings.folder / "endpoint").write_text(f"http://{address}:{versions.ACTIVATOR_NODE_PORT}\n")
    state.write(settings, State(settings.name, "existing", own_engine=False, phase="created"))
    names = ", ".join(image.name for image in product_images.IMAGES)
    say(f"using the cluster of the current context, its endpoint http://{address}:{versions.ACTIVATOR_NODE_PORT}")
    say(f"images are yours to push: build and tag {names} for a registry that its nodes can pull from,")
    say("and give that registry's names to the chart (see docs/cluster.md)")


def _is_our_copy(kubeconfig: str, ours: Path) -> bool:
    return any(Path(part).absolute() == ours.absolute() for part in kubeconfig.split(os.pathsep) if part)


def down(settings: Settings) -> None:
    """Forgets the copy; the cluster itself is not touched."""
    say("the existing cluster is left as it is")
    shutil.rmtree(settings.folder, ignore_errors=True)
