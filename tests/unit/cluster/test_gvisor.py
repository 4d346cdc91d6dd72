"""What a node's containerd is told of gVisor, and how gVisor's shim answers an older containerd."""

import subprocess
from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.gvisor import START_SHIM, with_runtime

OWN = (Path(__file__).parents[3] / "cluster/node/containerd.toml").read_text()


def test_a_runtime_is_added_once() -> None:
    told = with_runtime(OWN)
    assert told.startswith(OWN.rstrip())
    assert '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]\n  runtime_type = "io.containerd.runsc.v1"' in told
    assert with_runtime(told) == told


def test_a_newer_containerd_has_its_runtimes_at_another_place() -> None:
    assert '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runsc]' in with_runtime("version = 3\n")


@pytest.mark.parametrize("configuration", ["", "version = 1\n", "version = 4\n"])
def test_a_configuration_of_another_version_is_refused(configuration: str) -> None:
    with pytest.raises(ClusterError, match="of version"):
        with_runtime(configuration)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-namespace", "k8s.io", "-id", "a", "start"], "unix:///run/containerd/s/1\n"),
        (["-namespace", "k8s.io", "-id", "start", "delete"], "-namespace k8s.io -id start delete\n"),
    ],
)
def test_a_shim_that_is_started_says_its_address_alone(tmp_path: Path, arguments: list[str], said: str) -> None:
    started = '{"version":2,"address":"unix:///run/containerd/s/1","protocol":"ttrpc"}'
    script = f'#!/bin/sh\ncase "$*" in *" start") printf %s \'{started}\' ;; *) echo "$*" ;; esac\n'
    for name, text in (("gvisor-shim", script), ("containerd-shim-runsc-v1", START_SHIM)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    command = [str(tmp_path / "containerd-shim-runsc-v1"), *arguments]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == said


def test_a_shim_that_fails_to_start_says_so(tmp_path: Path) -> None:
    for name, text in (("gvisor-shim", "#!/bin/sh\necho no >&2\nexit 3\n"), ("containerd-shim-runsc-v1", START_SHIM)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run([tmp_path / "containerd-shim-runsc-v1", "start"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "no\n")
