"""A folder of manifests as `dev` reads it, and the revisions it makes of it."""

from pathlib import Path

import pytest

from lambent.dev.console import describe
from lambent.dev.manifests import fingerprint, read_folder
from lambent.dev.revision import UnservedError, build_revision

FUNCTION = """
apiVersion: lambent.dev/v1alpha1
kind: Function
metadata: {name: NAME}
spec:
  runtime: python3.11
  handler: app.handler
  code: {inline: {app.py: "def handler(event, context): return 1"}}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_every_manifest_at_any_depth_is_read(tmp_path: Path) -> None:
    write(tmp_path, "one.yaml", FUNCTION.replace("NAME", "one") + "---\n" + FUNCTION.replace("NAME", "two"))
    write(tmp_path, "deep/er/three.yml", FUNCTION.replace("NAME", "three"))
    write(tmp_path, ".hidden/four.yaml", FUNCTION.replace("NAME", "four"))
    write(tmp_path, "notes.txt", "x")
    write(tmp_path, "other.yaml", "kind: Deployment\napiVersion: apps/v1\n---\n- a list\n---\n")

    manifests = read_folder(tmp_path)

    assert [name for _, name in manifests.functions] == ["three", "one", "two"]
    assert manifests.problems == []


def test_a_single_file_may_stand_for_a_folder(tmp_path: Path) -> None:
    path = write(tmp_path, "one.yaml", FUNCTION.replace("NAME", "one"))

    assert list(read_folder(path).functions) == [("default", "one")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", ["bad.yaml"]),
        (FUNCTION.replace("NAME", "x").replace("python3.11", ""), ["bad.yaml", "Function x", "runtime"]),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", ["bad.yaml", "metadata.name"]),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: '!'}\n", ["bad.yaml", "data.k", "base64"]),
        (FUNCTION.replace("NAME", "good"), ["good", "twice"]),
    ],
)
def test_a_problem_names_its_file_and_the_rest_is_served(tmp_path: Path, text: str, words: list[str]) -> None:
    write(tmp_path, "a.yaml", FUNCTION.replace("NAME", "good"))
    write(tmp_path, "bad.yaml", text)

    manifests = read_folder(tmp_path)

    assert list(manifests.functions) == [("default", "good")]
    (problem,) = manifests.problems
    assert all(word in problem for word in words)


def test_a_change_shows_in_the_fingerprint(tmp_path: Path) -> None:
    path = write(tmp_path, "one.yaml", "a: 1")
    before = fingerprint(tmp_path)

    path.write_text("a: 12")

    assert fingerprint(tmp_path) != before


ENVIRONMENT = """
  env:
    - {name: PLAIN, value: x}
    - {name: MAPPED, valueFrom: {configMapKeyRef: {name: settings, key: mode}}}
    - {name: HIDDEN, valueFrom: {secretKeyRef: {name: keys, key: api}}}
    - {name: NOT_THERE, valueFrom: {secretKeyRef: {name: keys, key: none, optional: true}}}
    - {name: WHERE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: fast}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
data: {api: c2VjcmV0}
"""


def test_the_environment_comes_from_the_folders_config_maps_and_secrets(tmp_path: Path) -> None:
    write(tmp_path, "f.yaml", FUNCTION.replace("NAME", "f") + ENVIRONMENT)
    manifests = read_folder(tmp_path)

    revision = build_revision(manifests.functions["default", "f"], manifests)

    assert revision.environment == {"PLAIN": "x", "MAPPED": "fast", "HIDDEN": "secret", "WHERE": "default"}


def test_a_changed_secret_makes_a_new_revision_and_a_changed_scale_does_not(tmp_path: Path) -> None:
    def revision(text: str) -> str:
        write(tmp_path, "f.yaml", text)
        manifests = read_folder(tmp_path)
        return build_revision(manifests.functions["default", "f"], manifests).name

    text = FUNCTION.replace("NAME", "f") + ENVIRONMENT
    first = revision(text)

    assert revision(text.replace("c2VjcmV0", "b3RoZXI=")) != first
    assert revision(text.replace("  handler:", "  scaling: {maxScale: 3}\n  handler:")) == first


def test_code_may_come_from_a_config_map(tmp_path: Path) -> None:
    code = "code: {configMap: {name: source, items: [{key: main, path: pkg/app.py}]}}"
    text = FUNCTION.replace("NAME", "f").replace('code: {inline: {app.py: "def handler(event, context): return 1"}}', code)
    write(
        tmp_path, "f.yaml", f"{text}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: source}}\ndata: {{main: 'x = 1', other: y}}\n"
    )
    manifests = read_folder(tmp_path)

    assert build_revision(manifests.functions["default", "f"], manifests).files == {"pkg/app.py": b"x = 1"}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("runtime: python3.11", "runtime: nodejs20", "spec.runtime 'nodejs20' is not served by dev; python3.11 is"),
        ("handler: app.handler", "requirements: [requests]", "spec.requirements"),
        ("handler: app.handler", "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]", "secretKeyRef s/k is not in the folder"),
        ('inline: {app.py: "def handler(event, context): return 1"}', "configMap: {name: none}", "there is no ConfigMap none"),
    ],
)
def test_what_dev_cannot_serve_is_named(tmp_path: Path, before: str, after: str, words: str) -> None:
    write(tmp_path, "f.yaml", FUNCTION.replace("NAME", "f").replace(before, after))
    manifests = read_folder(tmp_path)

    with pytest.raises(UnservedError, match=words):
        build_revision(manifests.functions["default", "f"], manifests)


def test_the_console_says_how_to_call_what(tmp_path: Path) -> None:
    spec = "{function: {name: f}, http: {host: a.example, path: /x}}"
    trigger = f"---\napiVersion: lambent.dev/v1alpha1\nkind: Trigger\nmetadata: {{name: t}}\nspec: {spec}\n"
    write(tmp_path, "f.yaml", FUNCTION.replace("NAME", "f") + trigger)

    text = "\n".join(describe(read_folder(tmp_path), "0.0.0.0", 8080))

    assert "curl -d '{}' http://127.0.0.1:8080/2015-03-31/functions/f/invocations" in text
    assert "curl -H 'Host: f.default' http://127.0.0.1:8080/" in text
    assert "curl -H 'Host: a.example' http://127.0.0.1:8080/x" in text
