"""Quantities as Kubernetes writes them, and Lambda's CPU for memory."""

from __future__ import annotations

import pytest

from lambent.api.quantity import GIB, MIB, QuantityError, cpu_millis_from_memory, format_bytes, parse_bytes, parse_cpu_millis


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("128Mi", 128 * MIB),
        ("1Gi", GIB),
        ("1.5Gi", 3 * GIB // 2),
        ("128M", 128_000_000),
        ("1k", 1000),
        ("1e3", 1000),
        ("1E", 10**18),
        ("5E-1", 1),
        ("100m", 1),
        (134217728, 128 * MIB),
        ("0", 0),
        (".5Ki", 512),
    ],
)
def test_bytes_are_exact_and_rounded_up(text: object, amount: int) -> None:
    assert parse_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "Mi", "128 Mi", "128mi", "1e", "0x10", None, True, [], "1KiB", "١Mi"])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(QuantityError, match="no quantity"):
        parse_bytes(text)


@pytest.mark.parametrize(("text", "millis"), [("1", 1000), ("250m", 250), ("0.5", 500), (2, 2000), ("1u", 1)])
def test_cpu_is_in_thousandths(text: object, millis: int) -> None:
    assert parse_cpu_millis(text) == millis


@pytest.mark.parametrize(("mib", "millis"), [(1769, 1000), (128, 72), (10240, 5788), (0, 1)])
def test_cpu_follows_from_memory_as_on_lambda(mib: int, millis: int) -> None:
    assert cpu_millis_from_memory(mib * MIB) == millis


@pytest.mark.parametrize(("amount", "text"), [(128 * MIB, "128Mi"), (2 * GIB, "2Gi"), (1536, "1536"), (2048, "2Ki"), (0, "0")])
def test_bytes_are_written_in_the_form_the_api_server_keeps(amount: int, text: str) -> None:
    assert format_bytes(amount) == text
