"""LAMBENT_POD_NETWORK: what it may say, and what a wrong one is told."""

import json
from typing import Any

import pytest

from lambent.controller.app import build_installation
from lambent.controller.resources.installation import PodNetwork
from lambent.settings.base import SettingError
from lambent.settings.controller import ControllerSettings


def read(**fields: Any) -> PodNetwork:
    settings = ControllerSettings.from_mapping({"LAMBENT_POD_NETWORK": json.dumps(fields)})
    return build_installation(settings).pod_network


def test_without_it_everything_has_its_default() -> None:
    assert build_installation(ControllerSettings.from_mapping({})).pod_network == PodNetwork()


def test_what_is_set_is_used_and_the_rest_is_as_it_was() -> None:
    found = read(internet=False, dnsPorts=[53], **{"except": ["10.0.0.0/8"]})

    assert found == PodNetwork(internet=False, dns_ports=(53,), excepted=("10.0.0.0/8",))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("internet", "yes", "LAMBENT_POD_NETWORK.internet: '\"yes\"' is not allowed; use true or false"),
        ("except", ["10.0.0.1"], "a list of networks such as 10.0.0.0/8"),
        ("except", ["10.0.0.1/8"], "a list of networks such as 10.0.0.0/8"),
        ("apiServerPorts", [0], "a list of whole numbers from 1 to 65535"),
        ("apiServerPorts", [True], "a list of whole numbers from 1 to 65535"),
        ("scrapers", {}, "a list of NetworkPolicy peers"),
        ("extra", [{}], "a list of egress rules"),
        ("intranet", True, "one of scrapers, restricted"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_is_allowed(field: str, value: object, said: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(**{field: value})

    assert said in str(caught.value)
    assert f"LAMBENT_POD_NETWORK.{field}" in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "no", "1"])
def test_it_is_an_object(text: str) -> None:
    with pytest.raises(SettingError, match=r"LAMBENT_POD_NETWORK: .* use a JSON object"):
        ControllerSettings.from_mapping({"LAMBENT_POD_NETWORK": text})
