"""Settings: frozen dataclasses read from a mapping of strings, each field documented, with its default, unit and range.

    @dataclass(frozen=True, kw_only=True)
    class WaiterSettings(ProcessSettings):
        tables: int = setting("LAMBENT_TABLES", 4, "Tables this waiter serves.", low=1, high=12)

    settings = WaiterSettings.from_mapping(os.environ)

A field is a str, int, float, bool or tuple[str, ...] (comma-separated). Only `lambent.__main__` reads the environment.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, cast, get_type_hints

REQUIRED: Final = dataclasses.MISSING
_DECLARATION: Final = "lambent.setting"
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


class SettingError(ValueError):
    """A setting that cannot be used: its key, its value and what would be allowed."""

    def __init__(self, key: str, value: str | None, allowed: str) -> None:
        self.key = key
        self.value = value
        self.allowed = allowed
        shown = "is not set" if value is None else f"{value!r} is not allowed"
        super().__init__(f"{key}: {shown}; use {allowed}")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is known of one setting besides its type."""

    key: str
    description: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    check: Callable[[str], str | None] | None


@dataclass(frozen=True, slots=True)
class Described:
    """One setting for documentation, or for the log at the start: `value` is the effective one, as text."""

    key: str
    value: str
    default: str
    unit: str
    allowed: str
    description: str


def setting(
    key: str,
    default: Any,
    description: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    check: Callable[[str], str | None] | None = None,
) -> Any:
    """A field of a settings class. `default` is REQUIRED where there is none; `check` says what a text must be, or None if it is fine."""
    declaration = Declaration(key, description, unit, low, high, choices, check)
    return dataclasses.field(default=default, metadata={_DECLARATION: declaration})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all settings classes can do."""

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str]) -> Self:
        """Read and check every setting; an empty value counts as not set, as charts render it.

        Raises SettingError for the first that is wrong.
        """
        types = get_type_hints(cls)
        values: dict[str, Any] = {}
        for field, declaration in _declared(cls):
            text = mapping.get(declaration.key, "").strip()
            if text:
                values[field.name] = _parse(declaration, types[field.name], text)
            elif field.default is dataclasses.MISSING:
                raise SettingError(declaration.key, None, _allowed(declaration, types[field.name]))
        settings = cls(**values)
        settings.validate()
        return settings

    def validate(self) -> None:
        """Rules between settings; a class overrides this and raises SettingError."""

    def describe(self) -> list[Described]:
        """Every setting with its effective value, in the order of declaration."""
        types = get_type_hints(type(self))
        return [
            Described(
                declaration.key,
                _shown(getattr(self, field.name)),
                "" if field.default is dataclasses.MISSING else _shown(field.default),
                declaration.unit,
                _allowed(declaration, types[field.name]),
                declaration.description,
            )
            for field, declaration in _declared(type(self))
        ]


def _port(key: str, default: int, description: str) -> Any:
    return setting(key, default, description, low=0, high=65_535)


@dataclass(frozen=True, kw_only=True)
class ProcessSettings(Settings):
    """What every role needs."""

    namespace: str = setting("LAMBENT_NAMESPACE", "lambent-system", "Namespace of the control plane.")
    pod_name: str = setting("LAMBENT_POD_NAME", "local", "This process among its replicas: its pod's name.")
    log_level: str = setting(
        "LAMBENT_LOG_LEVEL", "INFO", "Least severe level that is logged.", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )
    log_format: str = setting("LAMBENT_LOG_FORMAT", "JSON", "How log lines look.", choices=("JSON", "TEXT"))
    status_port: int = _port("LAMBENT_STATUS_PORT", 9090, "Port of /healthz, /readyz and /metrics; 0 takes a free one.")
    kubeconfig: str = setting("KUBECONFIG", "", "A kubeconfig file, for a process outside the cluster.")
    home: str = setting("HOME", "", "Where .kube/config is looked for last.")
    kubernetes_host: str = setting("KUBERNETES_SERVICE_HOST", "", "Address of the API server, as the kubelet sets it in every pod.")
    kubernetes_port: int = _port("KUBERNETES_SERVICE_PORT", 443, "Port of the API server, as the kubelet sets it.")

    @property
    def kube_environment(self) -> Mapping[str, str]:
        """What `lambent.kube.client.KubeClient.from_environment` reads."""
        return {
            "KUBECONFIG": self.kubeconfig,
            "HOME": self.home,
            "KUBERNETES_SERVICE_HOST": self.kubernetes_host,
            "KUBERNETES_SERVICE_PORT": str(self.kubernetes_port),
        }


def _declared(cls: type[Settings]) -> list[tuple[dataclasses.Field[Any], Declaration]]:
    return [(field, field.metadata[_DECLARATION]) for field in dataclasses.fields(cls) if _DECLARATION in field.metadata]


def _parse(declaration: Declaration, kind: Any, text: str) -> Any:
    allowed = _allowed(declaration, kind)
    wrong = SettingError(declaration.key, text, allowed)
    if kind is bool:
        if text.lower() not in _TRUE | _FALSE:
            raise wrong
        return text.lower() in _TRUE
    if kind is int or kind is float:
        try:
            number = int(text) if kind is int else float(text)
        except ValueError:
            raise wrong from None
        if not math.isfinite(number) or not _within(declaration, number):
            raise wrong
        return number
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is not str:
        raise TypeError(f"{declaration.key}: a setting cannot be of type {kind!r}")
    return _parse_text(declaration, text, wrong)


def _parse_text(declaration: Declaration, text: str, wrong: SettingError) -> str:
    if declaration.choices:
        # Levels and formats are written in either case by people; the declared spelling is what the code compares with.
        for choice in declaration.choices:
            if choice.lower() == text.lower():
                return choice
        raise wrong
    complaint = declaration.check(text) if declaration.check is not None else None
    if complaint is not None:
        raise SettingError(declaration.key, text, complaint)
    return text


def _within(declaration: Declaration, number: float) -> bool:
    return (declaration.low is None or number >= declaration.low) and (declaration.high is None or number <= declaration.high)


def _allowed(declaration: Declaration, kind: Any) -> str:
    if declaration.choices:
        return " or ".join(declaration.choices)
    if kind is bool:
        return "true or false"
    unit = f" {declaration.unit}" if declaration.unit else ""
    if kind is int or kind is float:
        what = "a whole number" if kind is int else "a number"
        low = "" if declaration.low is None else f" from {_plain(declaration.low)}"
        high = "" if declaration.high is None else f" {'to' if low else 'up to'} {_plain(declaration.high)}"
        return f"{what}{low}{high}{unit}"
    return "a text" if kind is str else "a comma-separated list"


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:g}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else str(value)
