"""Kubernetes quantities and Lambda's rule that a function's CPU follows from its memory.

Grammar: Kubernetes' `resource.Quantity` (a decimal number, then a binary suffix Ki…Ei, a decimal one n…E, or an exponent).
CPU from memory: AWS Lambda Developer Guide, "Configure Lambda function memory": 1,769 MB have the equivalent of one vCPU.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB
MIB_PER_CPU: Final = 1769
"""Lambda's: a function with 1,769 MiB has one CPU."""

_QUANTITY: Final = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?")
_SUFFIXES: Final[dict[str, Decimal]] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15,
    "E": Decimal(10) ** 18,
} | {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}


class QuantityError(ValueError):
    """A value that is no Kubernetes quantity."""


def parse_quantity(value: object) -> Decimal:
    """The exact amount of a quantity such as `128Mi`, `1.5`, `250m` or `1e3`; a bare number is taken as it is."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QuantityError(f"{value!r} is no quantity; use a number with a unit, such as 128Mi, 1Gi or 250m")
    text = str(value)
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise QuantityError(f"{text!r} is no quantity; use a number with a unit, such as 128Mi, 1Gi or 250m")
    number, suffix = match.group(1), match.group(2) or ""
    scale = _SUFFIXES.get(suffix)
    return Decimal(number) * scale if scale is not None else Decimal(number + suffix)


def parse_bytes(value: object) -> int:
    """A quantity of bytes, rounded up as Kubernetes does."""
    return int(parse_quantity(value).to_integral_value(ROUND_CEILING))


def parse_cpu_millis(value: object) -> int:
    """A quantity of CPU in thousandths of one, rounded up as Kubernetes does."""
    return int((parse_quantity(value) * 1000).to_integral_value(ROUND_CEILING))


def format_bytes(amount: int) -> str:
    """The shortest exact binary form: 134217728 as `128Mi`."""
    for unit, size in (("Gi", GIB), ("Mi", MIB), ("Ki", KIB)):
        if amount and amount % size == 0:
            return f"{amount // size}{unit}"
    return str(amount)


def cpu_millis_from_memory(memory_bytes: int) -> int:
    """Lambda's share of CPU for that much memory, in thousandths of one, at least 1."""
    return max(1, memory_bytes * 1000 // (MIB_PER_CPU * MIB))
