from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambent_shim.become import BecomeError, Order, explain_fresh_start, explain_refusal, read_names, read_order
from lambent_shim.configuration import Configuration, ConfigurationError, parse_configuration

POOL = {
    "pool": True,
    "namespace": "shop",
    "runtime": "python3.11",
    "activators": ["links.example.:8081"],
    "tokenFile": "/token",
    "taskRoot": "/var/task",
    "region": "eu-central-1",
    "statusPort": 9001,
    "preload": ["boto3", "numpy.linalg"],
}
SHIM = {"namespace": "shop", "function": "hello", "revision": "0123456789", "runtime": "python3.11", "handler": "app.handler"}


def pool_pod(**fields: Any) -> Configuration:
    return parse_configuration(json.dumps(POOL | fields), runtime_dir="/var/runtime", pod="pool-1")


def read(
    shim: dict[str, Any] | None = None, *, files: tuple[str, ...] = (), env: Any = (), container: dict[str, str] | None = None
) -> Order:
    head = {"shim": SHIM | (shim or {}), "env": list(env) if isinstance(env, tuple) else env}
    read_names(head, pool_pod())
    return read_order(head, files, pool_pod(), container or {})


def test_a_generic_pod_needs_no_function() -> None:
    generic = pool_pod()
    assert (generic.pool, generic.function, generic.revision, generic.handler) == (True, "", "", "")
    assert generic.preload == ("boto3", "numpy.linalg")
    assert not parse_configuration(json.dumps(POOL | SHIM | {"pool": False}), runtime_dir="", pod="").pool


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"function": "hello"}, "function is 'hello', allowed: none where pool is true, BECOME brings it"),
        ({"handler": "a.b"}, "handler is 'a.b', allowed: none where pool is true, BECOME brings it"),
        ({"pool": "yes"}, "pool is 'yes', allowed: true or false"),
        ({"preload": "boto3"}, "preload is 'boto3', allowed: a list of modules' names"),
        ({"preload": ["boto3", "a b"]}, "preload is ['boto3', 'a b'], allowed: a list of modules' names"),
        ({"preload": ["-c"]}, "preload is ['-c'], allowed: a list of modules' names"),
    ],
)
def test_a_generic_pods_own_configuration_is_checked(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        pool_pod(**fields)
    assert str(caught.value) == message


def test_the_pods_own_fields_stay_and_the_functions_come() -> None:
    become = read({"memoryMiB": 512, "timeoutSeconds": 30, "concurrency": 4, "logging": {"format": "JSON"}}).configuration
    generic = pool_pod()
    assert (become.function, become.revision, become.handler) == ("hello", "0123456789", "app.handler")
    assert (become.memory_mib, become.timeout_seconds, become.concurrency, become.log_format) == (512, 30, 4, "JSON")
    assert become.region == "eu-central-1"
    assert become.arn == "arn:aws:lambda:eu-central-1:shop:function:hello"
    for field in ("activators", "token_file", "task_root", "status_port", "runtime_dir", "layers_dir", "python", "pod", "pool"):
        assert getattr(become, field) == getattr(generic, field)
    assert read({"region": "us-west-2", "arn": "arn:x", "runtime": ""}).configuration.region == "us-west-2"


def make(**head: Any) -> Callable[[], object]:
    return lambda: read_order({"shim": SHIM} | head, (), pool_pod(), {})


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: read_names({}, pool_pod()), "shim is None, allowed: an object"),
        (lambda: read_names({"shim": SHIM | {"function": ""}}, pool_pod()), "shim.function is '', allowed: a non-empty string"),
        (lambda: read_names({"shim": SHIM | {"revision": 7}}, pool_pod()), "shim.revision is 7, allowed: a non-empty string"),
        (lambda: read({"namespace": "other"}), "shim.namespace is 'other', allowed: 'shop', which is the pod's"),
        (lambda: read({"runtime": "nodejs20"}), "shim.runtime is 'nodejs20', allowed: 'python3.11', which is the pod's"),
        (lambda: read({"taskRoot": "/etc"}), "shim.taskRoot is '/etc', allowed: '/var/task', which is the pod's"),
        (lambda: read({"codeDir": "/tmp"}), "shim.codeDir is '/tmp', allowed: '/var/task', which is the pod's"),
        (lambda: read({"pool": True}), "shim.pool is True, allowed: False, which is the pod's"),
        (lambda: read({"handler": ""}), "shim.handler is '', allowed: a non-empty string"),
        (lambda: read({"timeoutSeconds": 901}), "shim.timeoutSeconds is 901, allowed: 0.001 to 900"),
        (lambda: read(files=("../x",)), "files holds '../x', allowed: relative paths without empty, '.' and '..' parts"),
        (lambda: read(files=("a/../../x",)), "files holds 'a/../../x', allowed: relative paths without empty, '.' and '..' parts"),
        (lambda: read(files=("/etc/passwd",)), "files holds '/etc/passwd', allowed: relative paths without empty, '.' and '..' parts"),
        (lambda: read(files=("a\0b",)), "files holds 'a\\x00b', allowed: relative paths without empty, '.' and '..' parts"),
        (lambda: read(files=("",)), "files holds '', allowed: relative paths without empty, '.' and '..' parts"),
        (make(env={"A": "1"}), "env is {'A': '1'}, allowed: a list of [name, value, expand]"),
        (make(env=[["A", "secret"]]), "env[0] is not [name, value, expand]: two strings, true or false"),
        (make(env=[["A", "", True], ["B", 1, True]]), "env[1] is not [name, value, expand]: two strings, true or false"),
        (make(env=[["A", "secret", 1]]), "env[0] is not [name, value, expand]: two strings, true or false"),
        (make(env=[["A=B", "", False]]), "env[0] is named 'A=B', allowed: a name without '=' and NUL"),
        (make(env=[["A", "secret\0", False]]), "env[0], A, has a NUL in its value"),
    ],
)
def test_the_message_names_field_value_and_what_is_allowed_but_no_variables_value(attempt: Callable[[], object], message: str) -> None:
    with pytest.raises(BecomeError) as caught:
        attempt()
    assert str(caught.value) == message


def test_variables_refer_to_earlier_ones_and_to_the_services_of_every_container() -> None:
    container = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "PATH": "/bin"}
    env = (["A", "1", True], ["B", "$(A)$(C)$(PATH)", True], ["C", "$(B)", False], ["API", "$(KUBERNETES_SERVICE_HOST)", True])
    assert read(env=env, container=container).variables == {"A": "1", "B": "1$(C)$(PATH)", "C": "$(B)", "API": "10.0.0.1"}


def test_the_first_become_wins_and_its_repetition_is_no_error() -> None:
    generic, become = pool_pod(), read().configuration
    told = {"used": False, "draining": False}
    assert explain_refusal(generic, "hello", "0123456789", **told) == ""
    assert explain_refusal(become, "hello", "0123456789", **told) == ""
    assert explain_refusal(become, "hello", "9876543210", **told) == "the pod is hello at 0123456789"
    assert explain_refusal(become, "other", "0123456789", **told) == "the pod is hello at 0123456789"


@pytest.mark.parametrize("configuration", [pool_pod(), read().configuration])
def test_a_pod_that_drains_or_was_used_becomes_nothing(configuration: Configuration) -> None:
    assert explain_refusal(configuration, "hello", "0123456789", used=False, draining=True) == "the pod is draining"
    used = explain_refusal(configuration, "hello", "0123456789", used=True, draining=False)
    assert used == "the container was a function before it was restarted"


BASE = {"PATH": "/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "LD_LIBRARY_PATH": "/lib"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"STAGE": "dev", "TZ": "Asia/Tokyo", "AWS_REGION": "x", "LDAP": "y"}, ""),
        ({"PYTHONHASHSEED": "0"}, "PYTHONHASHSEED counts when an interpreter starts"),
        ({"PATH": "/mine", "LC_ALL": "C"}, "LC_ALL, PATH counts when an interpreter starts"),
        ({"LD_PRELOAD": "/x.so"}, "LD_PRELOAD counts when an interpreter starts"),
        ({"MALLOC_ARENA_MAX": "1"}, "MALLOC_ARENA_MAX counts when an interpreter starts"),
        ({"GLIBC_TUNABLES": "x"}, "GLIBC_TUNABLES counts when an interpreter starts"),
        ({"OMP_NUM_THREADS": "1"}, "OMP_NUM_THREADS counts when an interpreter starts"),
        ({"HOME": "/mine"}, "HOME counts when an interpreter starts"),
    ],
)
def test_variables_that_count_at_an_interpreters_start_need_a_fresh_one(changed: dict[str, str], why: str) -> None:
    assert explain_fresh_start(BASE, BASE | changed, (), ()) == why


def test_a_variable_that_is_gone_differs_too() -> None:
    assert explain_fresh_start(BASE, {name: value for name, value in BASE.items() if name != "LANG"}, (), ())


def test_code_that_brings_a_module_which_is_loaded_needs_a_fresh_interpreter() -> None:
    loaded = ["random", "boto3", "socket"]
    assert explain_fresh_start(BASE, BASE, loaded, ["app.py", "lib/random.py", "randomly.py"]) == ""
    assert explain_fresh_start(BASE, BASE, loaded, ["app.py", "random.py"]) == "the code brings its own random"
    assert explain_fresh_start(BASE, BASE, loaded, ["boto3/__init__.py", "socket.cpython-311-x86_64-linux-gnu.so"]) == (
        "the code brings its own boto3, socket"
    )
