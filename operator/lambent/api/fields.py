"""Typed reading of a custom resource's JSON: each field by name, with its default and range.

The API server has checked new objects against the schema already. This reads what is stored, perhaps under an older schema: unknown
fields are left alone, missing ones get their default, and a value that cannot be used is named with what would be allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from lambent.api.quantity import QuantityError, parse_bytes, parse_cpu_millis

Value = TypeVar("Value")
_OBJECT_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
MAX_OBJECT_NAME: Final = 253


class InvalidSpecError(ValueError):
    """A field of a custom resource that cannot be used: which, what it holds, and what it may hold."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field = field
        self.value = value
        self.allowed = allowed
        shown = repr(value)
        super().__init__(f"{field}: {shown if len(shown) <= 80 else shown[:77] + '...'} is not allowed; use {allowed}")


class Fields:
    """One JSON object of a manifest and the path to it, for error messages."""

    __slots__ = ("_values", "path")

    def __init__(self, path: str, values: object) -> None:
        if values is None:
            values = {}
        if not isinstance(values, Mapping):
            raise InvalidSpecError(path, values, "an object")
        self.path = path
        self._values: Mapping[str, Any] = values

    def field(self, name: str) -> str:
        """The full path of one field, as error messages show it."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def raw(self, name: str) -> Any:
        """The value as it stands, None where it is missing."""
        return self._values.get(name)

    def values(self) -> dict[str, Any]:
        """All fields as they stand."""
        return dict(self._values)

    def names(self) -> tuple[str, ...]:
        """The names of all fields that are there and not null, known or not."""
        return tuple(name for name, value in self._values.items() if value is not None)

    def object(self, name: str) -> Fields:
        """A nested object; empty where it is missing."""
        return Fields(self.field(name), self._values.get(name))

    def objects(self, name: str) -> list[Fields]:
        """A list of objects; empty where it is missing."""
        return [Fields(f"{self.field(name)}[{index}]", item) for index, item in enumerate(self._list(name))]

    def strings(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty where it is missing."""
        for index, item in enumerate(self._list(name)):
            if not isinstance(item, str):
                raise InvalidSpecError(f"{self.field(name)}[{index}]", item, "a string")
        return tuple(self._list(name))

    def string_map(self, name: str) -> dict[str, str]:
        """An object with string values; empty where it is missing."""
        values = self._values.get(name)
        if values is None:
            return {}
        if not isinstance(values, Mapping):
            raise InvalidSpecError(self.field(name), values, "an object of strings")
        for key, item in values.items():
            if not isinstance(key, str) or not isinstance(item, str):
                raise InvalidSpecError(f"{self.field(name)}.{key}", item, "a string")
        return dict(values)

    def required(self, name: str) -> str:
        """A string that must be there and not be empty."""
        value = self.string(name, "")
        if not value:
            raise InvalidSpecError(self.field(name), self._values.get(name), "a string that is not empty")
        return value

    def object_name(self, name: str) -> str:
        """The name of an object, such as a ConfigMap, that must be there: a DNS subdomain (Kubernetes, "Object Names and IDs")."""
        value = self.required(name)
        if len(value) > MAX_OBJECT_NAME or not _OBJECT_NAME.fullmatch(value):
            allowed = f"a name of at most {MAX_OBJECT_NAME} lower-case letters, digits, '-' and '.', such as my-code"
            raise InvalidSpecError(self.field(name), value, allowed)
        return value

    def string(self, name: str, default: str, allowed: Sequence[str] = ()) -> str:
        """A string, one of `allowed` where that is given."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or (allowed and value not in allowed):
            raise InvalidSpecError(self.field(name), value, ", ".join(allowed) if allowed else "a string")
        return value

    def optional(self, name: str) -> str | None:
        """A string, None where it is missing or empty."""
        return self.string(name, "") or None

    def boolean(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InvalidSpecError(self.field(name), value, "true or false")
        return value

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InvalidSpecError(self.field(name), value, f"a whole number from {low} to {high}")
        return value

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`, None where it is missing."""
        return self.integer(name, low, low, high) if self.has(name) else None

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise InvalidSpecError(self.field(name), value, f"a number from {low} to {high}")
        return float(value)

    def bytes(self, name: str, default: int, low: int, high: int, allowed: str) -> int:
        """A Kubernetes quantity of bytes from `low` to `high`; `allowed` words that range."""
        value = self._values.get(name)
        if value is None:
            return default
        try:
            amount = parse_bytes(value)
        except QuantityError:
            raise InvalidSpecError(self.field(name), value, allowed) from None
        if not low <= amount <= high:
            raise InvalidSpecError(self.field(name), value, allowed)
        return amount

    def cpu_millis(self, name: str, low: int, high: int, allowed: str) -> int | None:
        """A Kubernetes quantity of CPU in thousandths, None where it is missing."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            amount = parse_cpu_millis(value)
        except QuantityError:
            raise InvalidSpecError(self.field(name), value, allowed) from None
        if not low <= amount <= high:
            raise InvalidSpecError(self.field(name), value, allowed)
        return amount

    def _list(self, name: str) -> list[Any]:
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise InvalidSpecError(self.field(name), value, "a list")
        return value
