"""docs/functions.md: its manifests are valid, and it knows every field, reason and Event there is."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
import yaml

from lambent.api import conditions
from lambent.api.functions.function import parse_function
from lambent.api.triggers.grants import parse_grant
from lambent.api.triggers.trigger import parse_trigger
from tests.support.schemas import CHECKOUT, as_json_schema, schema, unknown_fields

REFERENCE = (CHECKOUT / "docs" / "functions.md").read_text()
PARSERS: dict[str, tuple[str, Any]] = {
    "Function": ("functions", parse_function),
    "Trigger": ("triggers", parse_trigger),
    "HostGrant": ("hostgrants", parse_grant),
}


def manifests() -> list[tuple[str, dict[str, Any]]]:
    """Every manifest of the documentation and the examples, with where it stands."""
    found = []
    for path in [*sorted(CHECKOUT.glob("docs/**/*.md")), CHECKOUT / "README.md"]:
        if path.is_file():
            for block in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL):
                found.extend((path.name, body) for body in yaml.safe_load_all(block))
    for path in sorted(CHECKOUT.glob("examples/**/*.yaml")):
        found.extend((str(path.relative_to(CHECKOUT)), body) for body in yaml.safe_load_all(path.read_text()))
    return [(where, body) for where, body in found if isinstance(body, dict) and body.get("kind") in PARSERS]


@pytest.mark.parametrize(("where", "body"), manifests(), ids=lambda value: value if isinstance(value, str) else value["metadata"]["name"])
def test_a_manifest_that_we_show_is_valid(where: str, body: dict[str, Any]) -> None:
    plural, parse = PARSERS[body["kind"]]

    jsonschema.validate(body, as_json_schema(schema(plural)))
    assert list(unknown_fields(body, schema(plural))) == [], where
    parse(body)


def test_the_reference_shows_manifests() -> None:
    assert len(manifests()) >= 2


@pytest.mark.parametrize("plural", ["functions", "triggers", "hostgrants"])
def test_every_field_has_its_place(plural: str) -> None:
    spec = schema(plural)["properties"]["spec"]["properties"]
    status = schema(plural)["properties"].get("status", {}).get("properties", {})
    inner = [spec[name]["properties"] for name in ("scaling", "code", "url", "http") if name in spec]
    names = {name for section in (spec, status, *inner) for name in section} - {"source"}

    missing = {name for name in names if not re.search(rf"`[^`\n]*\b{name}\b", REFERENCE)}

    assert missing == set()


def test_every_reason_has_its_row() -> None:
    reasons = {value for name, value in vars(conditions).items() if name.startswith("REASON_")}

    assert {reason for reason in reasons if f"`{reason}`" not in REFERENCE} == set()
