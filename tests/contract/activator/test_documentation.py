"""docs/invocation.md names the limits of the HTTP front as they are."""

import re
from pathlib import Path

from lambent.activator.front.limits import FrontLimits
from lambent.settings.activator import ActivatorSettings

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "invocation.md").read_text(encoding="utf-8")


def test_every_setting_of_the_front_is_in_the_table_with_its_default() -> None:
    settings = {each.key: float(each.default) for each in ActivatorSettings().describe() if each.key.startswith("LAMBENT_HTTP_")}
    found = {key: float(value) for key, value in re.findall(r"^\| `(LAMBENT_HTTP_\w+)`[^|]*\| ([\d.]+) \|", TEXT, re.MULTILINE)}

    assert found == {key: value for key, value in settings.items() if key != "LAMBENT_HTTP_PORT"}


def test_the_fixed_limits_are_those_of_the_code() -> None:
    limits = FrontLimits()

    assert f"| request target | {limits.target_bytes // 1024} KiB |" in TEXT
    assert f"| {limits.head_bytes // 1024} KiB; {limits.headers} |" in TEXT
    assert f"| body | {limits.body_bytes:,} bytes |" in TEXT
    assert f"less than {limits.body_bytes_per_second // 1024} KiB/s" in TEXT
