"""A cluster of plain processes on loopback: etcd, the Kubernetes control plane, and kwok as the kubelet of all its nodes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.kube import ROOT
from bench.scale.processes import Process
from lambent.kube.access import ClusterAccess, TokenFile
from lambent.kube.client import KubeClient
from lambent.kube.errors import AlreadyExistsError, KubeError
from lambent.kube.paths import collection_path

SYSTEM = "lambent-system"
USERS = {
    "admin": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "kwok": "system:masters",
    "bench": "system:masters",
    "farm": "system:masters",
}
"""Who calls the API server, besides service accounts, and the group each is in: a name for each, so that requests can be counted."""
CONTROLLERS = "deployment-controller,replicaset-controller,serviceaccount-controller,namespace-controller"
"""Left out: whatever has nothing to do in this cluster; the garbage collector, since nothing is deleted but the whole cluster."""
_AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}
_NODE = {"cpu": "16", "memory": "64Gi", "pods": "110"}
_SERVICES = "198.19.64.0/18"


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class SimulatedCluster:
    """Everything of it is below `folder`; `processes` are for the caller to end, last first."""

    def __init__(self, folder: Path, programs: Mapping[str, Path], nodes: int) -> None:
        self.folder = folder
        self.nodes = nodes
        self.processes: dict[str, Process] = {}
        self._programs = programs
        etcd, peer, self.port, manager, scheduler, kwok = free_ports(6)
        self._ports = {"peer": peer, "manager": manager, "scheduler": scheduler, "kwok": kwok}
        self.etcd = f"http://127.0.0.1:{etcd}"
        self.audit_log = folder / "audit.log"
        self.certificate = folder / "apiserver" / "apiserver.crt"

    def client(self, user: str, connections: int = 16) -> KubeClient:
        """A client that calls as `user`."""
        access = ClusterAccess(f"https://127.0.0.1:{self.port}", TokenFile(self._token(user)), self.ssl())
        return KubeClient(access, user_agent=f"bench-{user}", timeout_seconds=60.0, connections=connections)

    def ssl(self) -> ssl.SSLContext:
        """Trusts this API server."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def kubeconfig(self, user: str) -> Path:
        """A kubeconfig file of `user`."""
        path = self.folder / f"{user.replace(':', '-')}.kubeconfig"
        cluster = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": str(self.certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "scale", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self._token(user).read_text()}}],
            "contexts": [{"name": "scale", "context": {"cluster": "scale", "user": user}}],
            "current-context": "scale",
        }
        path.write_text(json.dumps(config))
        return path

    async def start(self) -> None:
        """Bring it up, nodes and custom resource definitions included. Raises ProcessError where a part of it ends."""
        self._write_files()
        self._start_etcd()
        self._start_api_server()
        await self._wait_for_api_server()
        common = ["--authentication-skip-lookup", "--bind-address=127.0.0.1", "--leader-elect=false"]
        rates = ["--kube-api-qps=1000", "--kube-api-burst=2000"]
        manager = f"--kubeconfig={self.kubeconfig('system:kube-controller-manager')}"
        self._kube(
            "controller-manager",
            f"--secure-port={self._ports['manager']}",
            manager,
            *common,
            *rates,
            f"--controllers={CONTROLLERS}",
            f"--service-account-private-key-file={self.folder}/sa.key",
            "--use-service-account-credentials",
        )
        self._kube(
            "scheduler",
            f"--secure-port={self._ports['scheduler']}",
            f"--kubeconfig={self.kubeconfig('system:kube-scheduler')}",
            *common,
            *rates,
        )
        async with self.client("bench") as client:
            await self._install(client)
            await self._add_nodes(client)
        kwok = [
            f"--kubeconfig={self.kubeconfig('kwok')}",
            f"--config={Path(__file__).parent / 'stages.yaml'}",
            "--manage-all-nodes",
            "--node-lease-duration-seconds=0",
            f"--server-address=127.0.0.1:{self._ports['kwok']}",
            "--cidr=198.18.0.1/16",
        ]
        self._start("kwok", [self._programs["kwok"], *kwok])

    def check(self) -> None:
        """Raises ProcessError where a part of it has ended."""
        for process in self.processes.values():
            process.check()

    def _token(self, user: str) -> Path:
        return self.folder / "tokens" / user

    def _write_files(self) -> None:
        (self.folder / "tokens").mkdir()
        lines = []
        for user, group in USERS.items():
            token = f"token-of-{user.replace(':', '-')}"
            self._token(user).write_text(token)
            lines.append(f'{token},{user},{user},"{group}"')
        (self.folder / "tokens.csv").write_text("\n".join(lines) + "\n")
        (self.folder / "audit.json").write_text(json.dumps(_AUDIT_POLICY))
        keys: list[str | Path] = [self._programs["kube"], "kubeadm", "init", "phase", "certs", "sa", "--cert-dir", self.folder]
        subprocess.run(keys, capture_output=True, check=True)

    def _start_etcd(self) -> None:
        client, peer = self.etcd, f"http://127.0.0.1:{self._ports['peer']}"
        self._start(
            "etcd",
            [
                self._programs["etcd"],
                "--name=scale",
                f"--data-dir={self.folder / 'etcd'}",
                "--quota-backend-bytes=8589934592",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=scale={peer}",
                "--log-level=warn",
                "--auto-compaction-retention=5m",
            ],
        )

    def _start_api_server(self) -> None:
        self._kube(
            "apiserver",
            f"--etcd-servers={self.etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder / 'apiserver'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-cluster-ip-range={_SERVICES}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder / 'sa.pub'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--disable-admission-plugins=TaintNodesByCondition",
            "--enable-priority-and-fairness=false",
            "--max-requests-inflight=800",
            "--max-mutating-requests-inflight=400",
            f"--audit-policy-file={self.folder / 'audit.json'}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-mode=batch",
            "--audit-log-batch-max-wait=1s",
            "--audit-log-maxsize=8000",
        )

    def _kube(self, name: str, *arguments: str) -> None:
        self._start(name, [self._programs["kube"], f"kube-{name}", *arguments])

    def _start(self, name: str, argv: Sequence[str | Path]) -> None:
        self.processes[name] = Process(name, argv, self.folder / f"{name}.log")

    async def _wait_for_api_server(self) -> None:
        while not self.certificate.exists():
            self.check()
            await asyncio.sleep(0.05)
        # Not before its built-in roles are there: the scheduler would be refused, and wait long before it asks again.
        address, trusted = f"https://127.0.0.1:{self.port}/readyz", self.ssl()
        headers = {"Authorization": f"Bearer {self._token('bench').read_text()}"}
        while not await asyncio.to_thread(_answers, urllib.request.Request(address, headers=headers), trusted):
            self.check()
            await asyncio.sleep(0.2)

    async def _install(self, client: KubeClient) -> None:
        """The custom resource definitions, and of the chart all that is no workload."""
        for name in ("functions", "triggers"):
            body = yaml.safe_load((ROOT / "crds" / f"{name}.yaml").read_text())
            await client.create(collection_path("apiextensions.k8s.io/v1", "customresourcedefinitions"), body)
        await create_namespaces(client, [SYSTEM])
        for body in self.chart():
            if body["kind"] not in ("Deployment", "NetworkPolicy", "PodDisruptionBudget"):
                namespace = body["metadata"].get("namespace")
                await client.create(collection_path(body["apiVersion"], f"{body['kind'].lower()}s", namespace), body)
        for plural in ("functions", "triggers"):
            while True:
                try:
                    await client.list(collection_path("lambent.dev/v1alpha1", plural), limit=1)
                    break
                except KubeError:
                    await asyncio.sleep(0.2)

    def chart(self) -> list[dict[str, Any]]:
        """The objects of Lambent's chart, as helm renders them for the kind cluster."""
        chart = ROOT / "charts" / "lambent"
        done = subprocess.run(
            [self._programs["helm"], "template", "lambent", chart, "-n", SYSTEM, "-f", chart / "ci" / "kind-values.yaml"],
            capture_output=True,
            text=True,
            check=True,
        )
        return [body for body in yaml.safe_load_all(done.stdout) if body]

    async def _add_nodes(self, client: KubeClient) -> None:
        for number in range(self.nodes):
            name = f"node-{number:04d}"
            body = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                "status": {"allocatable": _NODE, "capacity": _NODE},
            }
            await client.create(collection_path("v1", "nodes"), body)


def _answers(request: urllib.request.Request, trusted: ssl.SSLContext) -> bool:
    try:
        with urllib.request.urlopen(request, timeout=5, context=trusted) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


async def create_namespaces(client: KubeClient, names: Iterable[str]) -> None:
    """Namespaces, where they are not there yet, with the service account that pods have."""
    for name in names:
        try:
            await client.create(collection_path("v1", "namespaces"), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        except AlreadyExistsError:
            continue
