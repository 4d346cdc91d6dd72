"""What a shim holds a function's folders to, and the limits beyond that at which Kubernetes would act."""

from __future__ import annotations

from typing import Any

from lambent.api.functions.function import FunctionSpec, parse_function_spec
from lambent.controller.resources.scratch import scratch_fields, size_volume, tmp_size_limit

TMP = {"path": "/tmp", "sizeMiB": 512, "field": "spec.ephemeralStorage"}


def spec(**fields: Any) -> FunctionSpec:
    return parse_function_spec({"runtime": "python3.11", "code": {"inline": {"app.py": "x"}}} | fields)


def volume(name: str, empty: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": name, "mountPath": f"/mnt/{name}", "emptyDir": empty} | fields


def test_tmp_has_room_beyond_what_the_function_may_keep() -> None:
    assert scratch_fields() == scratch_fields(spec()) == {"storage": [TMP]}
    assert scratch_fields(spec(ephemeralStorage="2Gi")) == {"storage": [TMP | {"sizeMiB": 2048}]}
    assert (tmp_size_limit(), tmp_size_limit(2 << 30)) == ("1Gi", "2560Mi")


def test_volumes_with_a_size_are_held_to_it_and_those_in_memory_are_named() -> None:
    fields = scratch_fields(
        spec(
            volumes=[
                volume("cache", {"medium": "Memory"}),
                volume("data", {"sizeLimit": "100Mi"}),
                volume("free", {}),
                volume("read", {"sizeLimit": "1Gi"}, readOnly=True),
            ]
        )
    )
    assert fields == {
        "storage": [TMP, {"path": "/mnt/data", "sizeMiB": 100, "field": "spec.volumes[1].emptyDir.sizeLimit"}],
        "memoryFolders": ["/mnt/cache"],
    }


def test_what_is_in_memory_is_within_the_functions_memory() -> None:
    assert size_volume({"emptyDir": {"medium": "Memory"}}, 128 << 20) == {"emptyDir": {"medium": "Memory", "sizeLimit": "128Mi"}}
    assert size_volume({"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}, 128 << 20)["emptyDir"]["sizeLimit"] == "128Mi"
    assert size_volume({"emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}, 128 << 20)["emptyDir"]["sizeLimit"] == "64Mi"


def test_what_is_on_disk_has_room_beyond_its_size_and_the_rest_stays() -> None:
    assert size_volume({"emptyDir": {"sizeLimit": "100Mi"}}, 1) == {"emptyDir": {"sizeLimit": "612Mi"}}
    assert size_volume({"emptyDir": {}}, 1) == {"emptyDir": {}}
    assert size_volume({"emptyDir": {"sizeLimit": "much"}}, 1) == {"emptyDir": {"sizeLimit": "much"}}
    assert size_volume({"configMap": {"name": "a"}}, 1) == {"configMap": {"name": "a"}}
