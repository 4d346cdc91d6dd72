"""Settings are read from text, with errors that name key, value and what is allowed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass

import pytest

from lambent.settings.autoscaler import AutoscalerSettings
from lambent.settings.base import REQUIRED, ProcessSettings, SettingError, Settings, setting


@dataclass(frozen=True, kw_only=True)
class Waiter(Settings):
    name: str = setting("NAME", REQUIRED, "Who waits.")
    tables: int = setting("TABLES", 4, "Tables.", low=1, high=12)
    pace: float = setting("PACE", 1.5, "Steps.", unit="m/s", low=0)
    polite: bool = setting("POLITE", True, "Says please.")
    languages: tuple[str, ...] = setting("LANGUAGES", ("en",), "Speaks.")
    shift: str = setting("SHIFT", "EARLY", "When.", choices=("EARLY", "LATE"))
    badge: str = setting("BADGE", "", "Number.", check=lambda text: None if text.isdigit() else "digits only")


def test_what_is_not_set_or_empty_has_its_default() -> None:
    assert Waiter.from_mapping({"NAME": "Ada", "TABLES": "", "PACE": "  "}) == Waiter(name="Ada")


def test_every_kind_of_value_is_read() -> None:
    text = {"NAME": "Ada", "TABLES": "12", "PACE": "0.5", "POLITE": "no", "LANGUAGES": "en, de,", "SHIFT": "late", "BADGE": "7"}
    assert Waiter.from_mapping(text) == Waiter(
        name="Ada", tables=12, pace=0.5, polite=False, languages=("en", "de"), shift="LATE", badge="7"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({}, "NAME: is not set; use a text"),
        ({"TABLES": "13"}, "TABLES: '13' is not allowed; use a whole number from 1 to 12"),
        ({"TABLES": "0"}, "TABLES: '0' is not allowed; use a whole number from 1 to 12"),
        ({"TABLES": "two"}, "TABLES: 'two' is not allowed; use a whole number from 1 to 12"),
        ({"TABLES": "1.5"}, "TABLES: '1.5' is not allowed; use a whole number from 1 to 12"),
        ({"PACE": "-1"}, "PACE: '-1' is not allowed; use a number from 0 m/s"),
        ({"PACE": "nan"}, "PACE: 'nan' is not allowed; use a number from 0 m/s"),
        ({"PACE": "inf"}, "PACE: 'inf' is not allowed; use a number from 0 m/s"),
        ({"POLITE": "perhaps"}, "POLITE: 'perhaps' is not allowed; use true or false"),
        ({"SHIFT": "NIGHT"}, "SHIFT: 'NIGHT' is not allowed; use EARLY or LATE"),
        ({"BADGE": "x"}, "BADGE: 'x' is not allowed; use digits only"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(text: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError) as raised:
        Waiter.from_mapping(({"NAME": "Ada"} | text) if text else text)
    assert str(raised.value) == message


def test_every_setting_is_described_with_its_effective_value() -> None:
    described = {each.key: each for each in Waiter.from_mapping({"NAME": "Ada", "TABLES": "5", "POLITE": "off"}).describe()}
    assert list(described) == ["NAME", "TABLES", "PACE", "POLITE", "LANGUAGES", "SHIFT", "BADGE"]
    tables = described["TABLES"]
    assert (tables.value, tables.default, tables.allowed, tables.description) == ("5", "4", "a whole number from 1 to 12", "Tables.")
    assert (described["POLITE"].value, described["NAME"].default, described["PACE"].unit) == ("false", "", "m/s")


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Waiter(name="Ada").name = "Bob"  # type: ignore[misc]


def test_a_process_hands_the_client_what_names_its_cluster() -> None:
    settings = ProcessSettings.from_mapping({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443", "HOME": "/home/a"})
    assert settings.kube_environment == {
        "KUBECONFIG": "",
        "HOME": "/home/a",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "KUBERNETES_SERVICE_PORT": "6443",
    }


def test_an_autoscaler_whose_leader_would_act_too_long_is_refused() -> None:
    assert AutoscalerSettings.from_mapping({}).lease_seconds == 5
    with pytest.raises(SettingError) as raised:
        AutoscalerSettings.from_mapping({"LAMBENT_LEASE_SECONDS": "3"})
    allowed = "a number of seconds below LAMBENT_LEASE_SECONDS (3)"
    assert str(raised.value) == f"LAMBENT_RENEW_DEADLINE_SECONDS: '3.5' is not allowed; use {allowed}"


def test_every_setting_of_the_autoscaler_says_what_it_is() -> None:
    for described in AutoscalerSettings().describe():
        assert described.description.endswith(".")
        assert described.key.startswith(("LAMBENT_", "KUBE")) or described.key == "HOME"
