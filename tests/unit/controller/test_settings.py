"""The controller's settings name key, value and what is allowed."""

from __future__ import annotations

import pytest

from lambent.controller.app import build_installation
from lambent.settings.base import SettingError
from lambent.settings.controller import ControllerSettings


def test_runtimes_are_images_with_a_pull_policy_or_without() -> None:
    settings = ControllerSettings.from_mapping(
        {
            "LAMBENT_RUNTIMES": '{"python3.11": "a:1", "python3.12": {"image": "b:2", "pullPolicy": "Always", "preload": ["xml.dom"]}}',
            "LAMBENT_IMAGE_PULL_POLICY": "Never",
        }
    )

    assert settings.runtime_images() == {"python3.11": ("a:1", "Never", ()), "python3.12": ("b:2", "Always", ("xml.dom",))}
    assert build_installation(settings).runtimes["python3.12"].preload == ("xml.dom",)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[]",
        '{"a": 1}',
        '{"a": {"image": ""}}',
        '{"a": {"image": "x", "pullPolicy": "Sometimes"}}',
        '{"a": {"image": "x", "preload": "json"}}',
        '{"a": {"image": "x", "preload": ["-c import os"]}}',
        '{"no_label.": "x"}',
    ],
)
def test_runtimes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match="LAMBENT_RUNTIMES"):
        ControllerSettings.from_mapping({"LAMBENT_RUNTIMES": text})


def test_a_share_of_cpu_is_from_1_to_100() -> None:
    with pytest.raises(SettingError, match="1 to 100"):
        ControllerSettings.from_mapping({"LAMBENT_CPU_REQUEST_PERCENT": "0"})


def test_pools_are_told_in_mebibytes_and_thousandths() -> None:
    pools = build_installation(
        ControllerSettings.from_mapping(
            {
                "LAMBENT_POOL_SIZE": "5",
                "LAMBENT_POOL_MAX_MEMORY_MIB": "512",
                "LAMBENT_POOL_CPU_REQUEST_MILLIS": "20",
                "LAMBENT_POOL_MEMORY_REQUEST_MIB": "64",
            }
        )
    ).pools

    assert (pools.size, pools.max_memory_bytes, pools.cpu_request_millis, pools.memory_request_bytes) == (5, 512 << 20, 20, 64 << 20)


def test_a_generic_pod_requests_no_more_than_it_may_have() -> None:
    with pytest.raises(SettingError, match="LAMBENT_POOL_MEMORY_REQUEST_MIB: '2048' is not allowed"):
        ControllerSettings.from_mapping({"LAMBENT_POOL_MEMORY_REQUEST_MIB": "2048"})
