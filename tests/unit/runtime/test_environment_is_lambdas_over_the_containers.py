from __future__ import annotations

from lambent_shim.environment import build_environment, name_log_stream
from tests.unit.runtime.test_configuration_names_what_is_wrong import parse

STREAM = name_log_stream("2026/11/21", "$LATEST", "0" * 32)


def test_reserved_names_are_lambdas_whatever_the_container_says() -> None:
    environment = build_environment(parse(), {"AWS_LAMBDA_FUNCTION_NAME": "mine", "_HANDLER": "x.y", "STAGE": "dev"}, log_stream=STREAM)
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "hello"
    assert environment["_HANDLER"] == "app.handler"
    assert environment["STAGE"] == "dev"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert environment["AWS_LAMBDA_LOG_STREAM_NAME"] == "2026/11/21/[$LATEST]" + "0" * 32


def test_the_others_are_defaults() -> None:
    environment = build_environment(
        parse(), {"TZ": "Europe/Vienna", "AWS_REGION": "eu-central-1", "LANG": "de_AT.UTF-8"}, log_stream=STREAM
    )
    assert (environment["TZ"], environment["AWS_REGION"], environment["LANG"]) == ("Europe/Vienna", "eu-central-1", "de_AT.UTF-8")
    assert environment["AWS_DEFAULT_REGION"] == "us-east-1"
    daemon = build_environment(parse(), {"AWS_XRAY_DAEMON_ADDRESS": "xray.tools:2000"}, log_stream=STREAM)
    assert daemon["AWS_XRAY_DAEMON_ADDRESS"] == "xray.tools:2000"


IMAGE = {"PIP_BREAK_SYSTEM_PACKAGES": "1", "PYTHON_VERSION": "3.11.9", "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/bin"}


def test_nothing_of_the_images_build_gets_through_but_what_the_users_own_image_sets() -> None:
    container = IMAGE | {"MODEL_FOLDER": "/models", "PYTHON_VERSION": "3.11.12", "HOSTNAME": "hello-7d9f"}
    environment = build_environment(parse(), container, log_stream=STREAM, image=IMAGE)
    assert "PIP_BREAK_SYSTEM_PACKAGES" not in environment
    assert environment["HOSTNAME"] == "hello-7d9f"
    assert (environment["MODEL_FOLDER"], environment["PYTHON_VERSION"]) == ("/models", "3.11.12")
    assert (environment["LANG"], environment["PATH"]) == ("en_US.UTF-8", "/usr/local/bin:/bin:/opt/bin")


def test_kubernetes_variables_are_there_only_for_who_asked_for_a_service_account() -> None:
    container = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_PORT_443_TCP": "tcp://10.0.0.1:443"}
    assert not [name for name in build_environment(parse(), container, log_stream=STREAM) if name.startswith("KUBERNETES_")]
    environment = build_environment(parse(serviceAccount=True), container, log_stream=STREAM)
    assert container.items() <= environment.items()


def test_what_the_author_names_stays_whatever_it_is() -> None:
    own = {"PIP_BREAK_SYSTEM_PACKAGES": "1", "KUBERNETES_SERVICE_HOST": "proxy"}
    environment = build_environment(parse(variables=list(own)), own | {"KUBERNETES_PORT": "x"}, log_stream=STREAM, image=IMAGE)
    assert own.items() <= environment.items()
    assert "KUBERNETES_PORT" not in environment


LAMBDAS = """
    AWS_DEFAULT_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION
    AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_LAMBDA_RUNTIME_API AWS_REGION
    AWS_XRAY_CONTEXT_MISSING AWS_XRAY_DAEMON_ADDRESS LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT LANG LD_LIBRARY_PATH PATH PWD PYTHONPATH
    SHLVL TZ _AWS_XRAY_DAEMON_ADDRESS _AWS_XRAY_DAEMON_PORT _HANDLER
"""


def test_every_variable_of_lambdas_own_runtime_is_there() -> None:
    # As a Python function on Lambda prints os.environ, credentials left out: a function here has no execution role.
    names = LAMBDAS.split()
    environment = build_environment(parse(), {}, log_stream=STREAM)
    assert sorted(environment.keys() - set(names)) == ["AWS_LAMBDA_LOG_FORMAT", "HOME"]
    assert set(names) <= environment.keys()
    assert environment["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"
    assert "AWS_LAMBDA_RUNTIME_API" not in build_environment(parse(statusPort=0), {}, log_stream=STREAM)


def test_nothing_of_the_shims_gets_through() -> None:
    environment = build_environment(parse(), {"LAMBENT_SHIM": "{}", "LAMBENT_OTHER": "1"}, log_stream=STREAM)
    assert not [name for name in environment if name.startswith("LAMBENT")]


def test_search_paths_are_lengthened_not_replaced() -> None:
    environment = build_environment(parse(layersDir="/opt"), {"PATH": "/bin", "PYTHONPATH": "/mine"}, log_stream=STREAM)
    assert environment["PATH"] == "/bin:/opt/bin"
    assert environment["PYTHONPATH"] == "/mine:/var/runtime"
    assert environment["LD_LIBRARY_PATH"] == "/var/task:/var/task/lib:/opt/lib"


def test_a_home_that_cannot_be_written_is_tmp() -> None:
    assert build_environment(parse(), {"HOME": "/"}, log_stream=STREAM)["HOME"] == "/tmp"
    assert build_environment(parse(), {"HOME": "/home/me"}, log_stream=STREAM)["HOME"] == "/home/me"


def test_the_application_level_is_told_only_where_there_is_one() -> None:
    assert "AWS_LAMBDA_LOG_LEVEL" not in build_environment(parse(), {}, log_stream=STREAM)
    environment = build_environment(parse(logging={"format": "JSON", "applicationLevel": "WARN"}), {}, log_stream=STREAM)
    assert (environment["AWS_LAMBDA_LOG_FORMAT"], environment["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "WARN")
