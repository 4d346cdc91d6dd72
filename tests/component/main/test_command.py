"""`python -m lambent`, as a container's command."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lambent import __version__
from lambent.__main__ import USAGE

OPERATOR = Path(__file__).resolve().parents[3] / "operator"


def lambent(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lambent", *arguments]
    environ["PATH"] = "/usr/bin:/bin"
    return subprocess.run(command, cwd=OPERATOR, env=environ, check=False, capture_output=True, text=True, timeout=60)


def test_it_tells_its_version() -> None:
    done = lambent("version")
    assert (done.returncode, done.stdout.strip()) == (0, __version__)


@pytest.mark.parametrize("arguments", [(), ("butler",), ("autoscaler", "now")])
def test_wrong_use_is_told_what_there_is(arguments: tuple[str, ...]) -> None:
    done = lambent(*arguments)
    assert (done.returncode, done.stderr.strip()) == (2, USAGE)


def test_a_wrong_setting_is_named_with_what_is_allowed() -> None:
    done = lambent("autoscaler", LAMBENT_STATUS_PORT="many")
    assert done.returncode == 2
    assert done.stderr.strip() == "lambent autoscaler: LAMBENT_STATUS_PORT: 'many' is not allowed; use a whole number from 0 to 65535"


def test_without_a_cluster_it_says_what_it_looked_for() -> None:
    done = lambent("autoscaler")
    assert done.returncode == 1
    assert "neither KUBECONFIG nor KUBERNETES_SERVICE_HOST is set" in done.stderr


def test_a_role_stops_on_sigterm(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],"
        " clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}"
    )
    environ = {"KUBECONFIG": str(tmp_path / "config"), "LAMBENT_STATUS_PORT": "0", "LAMBENT_STATISTICS_PORT": "0", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "lambent", "autoscaler"]
    with subprocess.Popen(command, cwd=OPERATOR, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while "watch interrupted" not in lines[-1]:
            assert lines[-1], "".join(lines)
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0, rest
    assert '"message":"stopped"' in rest
