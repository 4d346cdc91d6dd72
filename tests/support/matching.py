"""How an example's expected answer is compared with the real one: what is named must hold, what is not named may be anything."""

from __future__ import annotations

from collections.abc import Iterator


def differences(expected: object, actual: object, where: str = "$") -> Iterator[str]:
    """Sentences about every place where `actual` lacks what `expected` names; nothing where it has all of it.

    Objects may have further keys; lists must have the same length; everything else must be equal (1 and 1.0 are, 1 and True are not).
    """
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            yield f"{where}: expected an object, got {actual!r}"
            return
        for key, value in expected.items():
            if key not in actual:
                yield f"{where}.{key}: missing"
            else:
                yield from differences(value, actual[key], f"{where}.{key}")
    elif isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            yield f"{where}: expected {expected!r}, got {actual!r}"
            return
        for index, (item, got) in enumerate(zip(expected, actual, strict=True)):
            yield from differences(item, got, f"{where}[{index}]")
    elif expected != actual or isinstance(expected, bool) is not isinstance(actual, bool):
        yield f"{where}: expected {expected!r}, got {actual!r}"
