"""kind's configuration for a cluster: text out of facts, nothing else."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cluster import versions

PATCHES_IN_NODE = "/kind/patches"
VOLUMES = "/tmp/hostpath_pv"


def _kubelet(*, own_image: bool, restricted: bool) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "kind": "KubeletConfiguration",
        "maxPods": versions.MAX_PODS,
        "failSwapOn": False,
        "failCgroupV1": False,
        "serializeImagePulls": False,
        # Tests stop what runs here again and again, the API server too: it must not stay away for minutes, nor a repaired function.
        "featureGates": {"KubeletCrashLoopBackOffMax": True},
        "crashLoopBackOff": {"maxContainerRestartPeriod": "3s"},
    }
    if own_image:  # no systemd in it
        configuration |= {"cgroupDriver": "cgroupfs", "cgroupRoot": "/kubelet"}
    if restricted:  # without CAP_SYS_RESOURCE no score below zero can be set
        configuration |= {"oomScoreAdj": 0}
    return configuration


def _kubeadm_patches(*, own_image: bool, restricted: bool) -> list[dict[str, Any]]:
    proxy: dict[str, Any] = {"kind": "KubeProxyConfiguration"}
    if restricted:
        proxy["oomScoreAdj"] = 0
    # The only ones of their kind have nobody to elect; electing, they write leases all day, and end (and are started ever later by the
    # kubelet) whenever the API server is away for ten seconds.
    alone = {"leader-elect": "false"}
    manager = {"node-cidr-mask-size": str(versions.NODE_POD_MASK), **alone}
    # Where the controller manager's own provisioner makes volumes: it must make them on the node.
    volumes = {"name": "volumes", "hostPath": VOLUMES, "mountPath": VOLUMES, "pathType": "DirectoryOrCreate"}
    directory = {"patches": {"directory": PATCHES_IN_NODE}}
    return [
        {
            "kind": "ClusterConfiguration",
            "controllerManager": {"extraArgs": manager, "extraVolumes": [volumes]},
            "scheduler": {"extraArgs": alone},
        },
        {"kind": "InitConfiguration", **directory},
        {"kind": "JoinConfiguration", **directory},
        _kubelet(own_image=own_image, restricted=restricted),
        proxy,
    ]


def _nodes(count: int, patches: Path, *, map_port: bool) -> list[dict[str, Any]]:
    mount = {"hostPath": str(patches), "containerPath": PATCHES_IN_NODE, "readOnly": True}
    nodes: list[dict[str, Any]] = [{"role": "control-plane" if index == 0 else "worker"} for index in range(count)]
    for node in nodes:
        node["extraMounts"] = [dict(mount)]
    if map_port:  # to a port of the engine's choice: two clusters may be up at once
        nodes[0]["extraPortMappings"] = [
            {"containerPort": versions.ACTIVATOR_NODE_PORT, "hostPort": 0, "listenAddress": "127.0.0.1", "protocol": "TCP"}
        ]
    return nodes


def render(*, nodes: int, own_image: bool, restricted: bool, map_port: bool, patches: Path) -> str:
    """The configuration file, as JSON, which is YAML too."""
    configuration = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {
            "ipFamily": "ipv4",
            "apiServerAddress": "127.0.0.1",
            "disableDefaultCNI": own_image,
            # With Debian's nft, kube-proxy's nftables mode empties its own maps at each full sync, once an hour (docs/cluster.md).
            "kubeProxyMode": "iptables",
            "podSubnet": versions.POD_SUBNET,
            "serviceSubnet": versions.SERVICE_SUBNET,
        },
        "nodes": _nodes(nodes, patches, map_port=map_port),
        "kubeadmConfigPatches": [json.dumps(patch) for patch in _kubeadm_patches(own_image=own_image, restricted=restricted)],
    }
    return json.dumps(configuration, indent=2) + "\n"


def routes(ranges: dict[str, str], addresses: dict[str, str], node: str) -> Sequence[str]:
    """The `ip` commands that lead one node's pods to those of the others."""
    return [
        f"ip route replace {range_} via {addresses[other]}"
        for other, range_ in sorted(ranges.items())
        if other != node and range_ and other in addresses
    ]
