"""Objects as the API server might hold them: whatever the schema of a custom resource lets through, and whatever it does not."""

from __future__ import annotations

import string
from typing import Any

import hypothesis.strategies as st

from tests.support.schemas import Schema, schema

WORDS = st.text(string.ascii_lowercase + string.digits + "-./_{}+*:@% é\u2028", max_size=12)
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "spec.runtime": st.sampled_from(["python3.11", "nodejs20", "python3.11-x"]),
    "spec.image": st.just("registry.example/x"),
    "spec.memory": st.one_of(st.sampled_from(["128Mi", "1Gi", "1e9", "0.5Gi", "200000000"]), st.integers(0, 2**40), WORDS),
    "spec.code.configMap.name": st.one_of(st.sampled_from(["code", "a/b", "..", "A", "x" * 253]), WORDS),
    "spec.code.inline{key}": st.sampled_from(["app.py", "a/b.py", "a", "a/../b", "/x", "ü.py", "x\x00y", "a\nb"]),
    "spec.function.name": st.sampled_from(["hello", "other"]),
    "spec.http.host": st.one_of(st.sampled_from(["api.example.com", "hello.default", "10.0.0.1"]), WORDS),
    "spec.http.path": st.one_of(
        st.sampled_from(["/", "/a/{b}", "/{c+}", "/" * 40, "//", "/%zz", "/{a}/{a}"]), WORDS.map(lambda word: "/" + word)
    ),
    "spec.cpu.limit": st.one_of(st.sampled_from(["1", "100m"]), WORDS),
}
"""By path: values that a schema's type alone would hardly ever meet, those that its CEL rules refuse among them."""
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)


def conforming(node: Schema, path: str = "") -> st.SearchStrategy[Any]:
    """Values of the node's structural schema; its CEL rules are not asked."""
    if path in FITTING:
        return FITTING[path]
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if node.get("x-kubernetes-preserve-unknown-fields"):
        return st.dictionaries(WORDS, JSON, max_size=3)
    if node.get("x-kubernetes-int-or-string"):
        return st.one_of(st.integers(0, 2**40), WORDS)
    kind = node.get("type")
    if kind == "object":
        return _objects(node, path)
    if kind == "array":
        return st.lists(conforming(node["items"], f"{path}[]"), min_size=node.get("minItems", 0), max_size=3)
    if kind == "integer":
        return st.integers(node.get("minimum", 0), node.get("maximum", 2**31))
    if kind == "number":
        return st.floats(node.get("minimum", 0), node.get("maximum", 1e6), allow_nan=False)
    if kind == "boolean":
        return st.booleans()
    return WORDS.filter(lambda word: len(word) >= node.get("minLength", 0))


def _objects(node: Schema, path: str) -> st.SearchStrategy[Any]:
    if isinstance(node.get("additionalProperties"), dict):
        keys = FITTING.get(f"{path}{{key}}", WORDS)
        return st.dictionaries(
            keys, conforming(node["additionalProperties"], f"{path}{{}}"), min_size=node.get("minProperties", 0), max_size=3
        )
    fields = {name: conforming(child, f"{path}.{name}".lstrip(".")) for name, child in node.get("properties", {}).items()}
    required = set(node.get("required", ()))
    return st.fixed_dictionaries(
        {name: found for name, found in fields.items() if name in required},
        optional={name: found for name, found in fields.items() if name not in required},
    )


def _with(spec: st.SearchStrategy[Any], status: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    metadata = st.fixed_dictionaries(
        {"name": st.just("hello"), "namespace": st.just("default"), "uid": st.just("u"), "generation": st.integers(1, 9)},
        optional={"creationTimestamp": st.just("2026-01-01T00:00:00Z"), "deletionTimestamp": st.just("2026-01-01T00:00:00Z")},
    )
    return st.fixed_dictionaries({"metadata": metadata, "spec": spec, "status": status})


def functions() -> st.SearchStrategy[dict[str, Any]]:
    """Functions of one source of code, of a runtime or an image."""
    node = schema("functions")["properties"]
    parts = node["spec"]["properties"]
    sources = [st.fixed_dictionaries({name: conforming(child, f"spec.code.{name}")}) for name, child in parts["code"]["properties"].items()]
    others = {name: conforming(child, f"spec.{name}") for name, child in parts.items() if name not in ("runtime", "image", "code")}
    run = st.one_of(
        st.fixed_dictionaries({"runtime": FITTING["spec.runtime"], "code": st.one_of(sources)}),
        st.fixed_dictionaries({"image": FITTING["spec.image"]}, optional={"code": st.one_of(sources)}),
    )
    spec = st.builds(lambda first, more: {**first, **more}, run, st.fixed_dictionaries({}, optional=others))
    return _with(spec, conforming(node["status"]))


def triggers() -> st.SearchStrategy[dict[str, Any]]:
    """Triggers, most of them http."""
    node = schema("triggers")["properties"]
    parts = node["spec"]["properties"]
    others = {
        name: conforming(parts[name], f"spec.{name}") for name in ("enabled", "filter", "batch", "retry", "deadLetter", "parallelism")
    }
    source = st.one_of(
        st.fixed_dictionaries({"http": conforming(parts["http"], "spec.http")}),
        st.fixed_dictionaries({"http": conforming(parts["http"], "spec.http")}),
        st.sampled_from(["schedule", "sqs", "kubernetes"]).flatmap(lambda name: st.fixed_dictionaries({name: conforming(parts[name])})),
    )
    function = conforming(parts["function"], "spec.function")
    spec = st.builds(
        lambda first, name, more: {**first, "function": name, **more}, source, function, st.fixed_dictionaries({}, optional=others)
    )
    return _with(spec, conforming(node["status"]))


def anything(of: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Such objects with one part of the spec replaced by any JSON, as an older schema may have let through."""

    @st.composite
    def broken(draw: st.DrawFn) -> dict[str, Any]:
        body = draw(of)
        place: Any = body
        key: Any = "spec"
        while isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 3)):
            place = place[key]
            key = draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else draw(st.integers(0, len(place) - 1))
        place[key] = draw(JSON)
        return body

    return broken()
