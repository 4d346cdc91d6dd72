"""The controller's settings name key, value and what is allowed."""

from __future__ import annotations

import pytest

from lambent.controller.app import build_installation
from lambent.settings.base import SettingError
from lambent.settings.controller import ControllerSettings


def test_runtimes_are_images_with_a_pull_policy_or_without() -> None:
    settings = ControllerSettings.from_mapping(
        {
            "LAMBENT_RUNTIMES": '{"python3.11": "a:1", "python3.12": {"image": "b:2", "pullPolicy": "Always"}}',
            "LAMBENT_IMAGE_PULL_POLICY": "Never",
        }
    )

    assert settings.runtime_images() == {"python3.11": ("a:1", "Never"), "python3.12": ("b:2", "Always")}
    assert build_installation(settings).runtimes["python3.12"].image == "b:2"


@pytest.mark.parametrize("text", ["x", "[]", '{"a": 1}', '{"a": {"image": ""}}', '{"a": {"image": "x", "pullPolicy": "Sometimes"}}'])
def test_runtimes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match="LAMBENT_RUNTIMES"):
        ControllerSettings.from_mapping({"LAMBENT_RUNTIMES": text})


def test_a_share_of_cpu_is_from_1_to_100() -> None:
    with pytest.raises(SettingError, match="1 to 100"):
        ControllerSettings.from_mapping({"LAMBENT_CPU_REQUEST_PERCENT": "0"})
