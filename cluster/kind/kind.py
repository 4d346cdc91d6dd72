"""Creates, finds and deletes the kind cluster."""

import json
import time
from pathlib import Path

from cluster.engine.engine import Engine
from cluster.errors import ClusterError
from cluster.host.command import answers, output, run
from cluster.host.progress import step
from cluster.kind import kind_config
from cluster.kind.node_image import NodeImage
from cluster.settings import Settings

READY_SECONDS = 180
DELETIONS = 3


class Kind:
    """One kind cluster, by name, in one engine."""

    def __init__(self, settings: Settings, engine: Engine, programs: dict[str, Path]) -> None:
        self._settings = settings
        self._engine = engine
        self._programs = programs
        self._log = settings.logs / "kind.log"

    def containers(self) -> dict[str, bool]:
        """The cluster's nodes, and whether each one runs."""
        listing = output(
            [
                self._engine.client,
                "ps",
                "-a",
                "--filter",
                f"label=io.x-k8s.kind.cluster={self._settings.name}",
                "--format",
                "{{.Names}} {{.State}}",
            ],
            env=self._engine.env,
        )
        return {line.split()[0]: line.split()[1].lower() == "running" for line in listing.splitlines() if line.strip()}

    def create(self, image: NodeImage, configuration: str) -> None:
        file = self._settings.folder / "kind.yaml"
        file.write_text(configuration)
        with step(f"creating the kind cluster {self._settings.name}", "kubeadm to bring the control plane up"):
            run(
                [
                    self._programs["kind"],
                    "create",
                    "cluster",
                    "--name",
                    self._settings.name,
                    "--image",
                    image.name,
                    "--config",
                    file,
                    "--kubeconfig",
                    self._settings.kubeconfig,
                    "--retain",
                    "-v",
                    "1",
                ],
                log=self._log,
                env=self._engine.env,
                timeout=600,
                do=f"look at a node with `{self._engine.client} logs {self._settings.name}-control-plane`; run it again to start afresh",
            )

    def delete(self) -> None:
        """Delete the nodes. Raises ClusterError where they can't be.

        An engine on a busy machine may say that a container did not end ("did not receive an exit event", after ten seconds) while it is
        ending: it is asked again.
        """
        command: list[str | Path] = [
            self._programs["kind"],
            "delete",
            "cluster",
            "--name",
            self._settings.name,
            "--kubeconfig",
            self._settings.kubeconfig,
        ]
        with step(f"deleting the kind cluster {self._settings.name}"):
            for times in range(1, DELETIONS + 1):
                try:
                    run(command, log=self._log, env=self._engine.env, timeout=120)
                except ClusterError:
                    if times == DELETIONS:
                        raise
                else:
                    return

    def start(self) -> None:
        """Starts nodes that were stopped, as after a restart of the engine."""
        with step("starting the cluster's nodes again"):
            run([self._engine.client, "start", *self.containers()], log=self._log, env=self._engine.env, timeout=60)

    def write_kubeconfig(self) -> None:
        """Writes it anew: the API server's port on the host changes when a node's container restarts."""
        run(
            [self._programs["kind"], "export", "kubeconfig", "--name", self._settings.name, "--kubeconfig", self._settings.kubeconfig],
            log=self._log,
            env=self._engine.env,
        )

    def kubectl(self, *arguments: str, timeout: float = 30) -> str:
        return output([self._programs["kubectl"], "--kubeconfig", self._settings.kubeconfig, *arguments], timeout=timeout)

    def addresses(self) -> dict[str, str]:
        """Each node's address in the engine's network."""
        found = {}
        for name in self.containers():
            template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
            found[name] = output([self._engine.client, "inspect", "-f", template, name], env=self._engine.env).split()[0]
        return found

    def control_plane(self) -> str:
        return f"{self._settings.name}-control-plane"

    def lay_routes(self) -> None:
        """On our own node image: leads each node's pods to the others', now and at each start of the node."""
        listed = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        ranges = {node["metadata"]["name"]: node["spec"].get("podCIDR", "") for node in listed}
        addresses = self.addresses()
        for node in addresses:
            script = "\n".join(["#!/bin/sh", *kind_config.routes(ranges, addresses, node), ""])
            output(
                [self._engine.client, "exec", "-i", node, "sh", "-c", "cat >/kind/routes && chmod +x /kind/routes && /kind/routes"],
                env=self._engine.env,
                stdin=script,
            )

    def wait_until_ready(self, nodes: int) -> None:
        """Waits for every node to be ready, and for its pod range where routes need it."""
        with step("waiting for the cluster", "every node to be ready"):
            deadline = time.monotonic() + READY_SECONDS
            while True:
                if ready_nodes(answers(self._get_nodes(), timeout=10)) >= nodes:
                    return
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"not every node was ready after {READY_SECONDS} s",
                        log=self._log,
                        do=f"look at `{' '.join(map(str, self._get_nodes()[:-2]))} -o wide`, then run it again or `make down`",
                    )
                time.sleep(0.2)

    def _get_nodes(self) -> list[str | Path]:
        return [self._programs["kubectl"], "--kubeconfig", self._settings.kubeconfig, "get", "nodes", "-o", "json"]

    def load(self, archive: Path) -> None:
        """Puts the images of an archive into every node."""
        run(
            [self._programs["kind"], "load", "image-archive", archive, "--name", self._settings.name],
            log=self._log,
            env=self._engine.env,
            timeout=300,
        )


def ready_nodes(listing: str | None) -> int:
    """How many nodes of `kubectl get nodes -o json` are ready and have their pod range."""
    if not listing:
        return 0
    count = 0
    for node in json.loads(listing)["items"]:
        conditions = {condition["type"]: condition["status"] for condition in node["status"].get("conditions", [])}
        count += conditions.get("Ready") == "True" and bool(node["spec"].get("podCIDR"))
    return count
