"""What is written twice about versions and dependencies says the same."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import lambent

ROOT = Path(__file__).resolve().parents[3]


def _requirements(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith(("#", "-"))}


def _locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


def test_the_distribution_and_the_image_ask_for_the_same_packages() -> None:
    project = tomllib.loads((ROOT / "operator" / "pyproject.toml").read_text())["project"]
    assert set(project["dependencies"]) == _requirements("control-plane.in")


def test_the_shim_and_its_image_ask_for_the_same_packages() -> None:
    project = tomllib.loads((ROOT / "runtime-images" / "shim" / "pyproject.toml").read_text())["project"]
    assert set(project["dependencies"]) == _requirements("shim.in")


def test_the_chart_installs_this_version() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "lambent" / "Chart.yaml").read_text())
    assert chart["appVersion"] == lambent.__version__


@pytest.mark.parametrize("name", ["control-plane", "shim", "runtime", "bench-peers", "test"])
def test_every_package_is_locked_with_hashes_and_without_an_index(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text)
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries if entry.strip())


@pytest.mark.parametrize("name", ["control-plane", "shim"])
def test_tests_run_what_the_images_hold(name: str) -> None:
    ours, tests = _locked(f"{name}.lock"), _locked("test.lock")
    assert ours
    differing = {package: (version, tests.get(package)) for package, version in ours.items() if tests.get(package) != version}
    assert differing == {}
