"""The environment variables of the user's processes: the container's own, with Lambda's on top. Pure.

Names and defaults: Lambda developer guide, "Defined runtime environment variables". Reserved ones always have Lambda's value; the
others only where the user sets none.
"""

from __future__ import annotations

from collections.abc import Mapping

from lambent_shim.configuration import Configuration

_HIDDEN_PREFIX = "LAMBENT_"


def build_environment(configuration: Configuration, container: Mapping[str, str], *, log_stream: str) -> dict[str, str]:
    """The variables of the prepared interpreter, inherited by every worker."""
    layers = configuration.layers_dir
    task_root = configuration.task_root
    environment = {
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "AWS_REGION": configuration.region,
        "AWS_DEFAULT_REGION": configuration.region,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "HOME": "/tmp",  # noqa: S108 - the one folder a function may write to
    }
    environment.update((name, value) for name, value in container.items() if not name.startswith(_HIDDEN_PREFIX))
    if environment["HOME"] == "/":
        environment["HOME"] = "/tmp"  # noqa: S108 - a uid without an entry in passwd is given "/", which is read-only
    environment["PATH"] = _append(environment.get("PATH", "/usr/local/bin:/usr/bin:/bin"), f"{layers}/bin")
    environment["LD_LIBRARY_PATH"] = _append(environment.get("LD_LIBRARY_PATH", ""), f"{task_root}:{task_root}/lib:{layers}/lib")
    environment["PYTHONPATH"] = _append(environment.get("PYTHONPATH", ""), configuration.runtime_dir)
    environment.update(
        {
            "_HANDLER": configuration.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": configuration.function,
            "AWS_LAMBDA_FUNCTION_VERSION": configuration.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mib),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{configuration.function}",
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            "AWS_LAMBDA_LOG_FORMAT": configuration.log_format,
            "LAMBDA_TASK_ROOT": task_root,
            "LAMBDA_RUNTIME_DIR": configuration.runtime_dir,
        }
    )
    if configuration.application_level:
        environment["AWS_LAMBDA_LOG_LEVEL"] = configuration.application_level
    return environment


def name_log_stream(date: str, version: str, unique: str) -> str:
    """`2026/11/21/[$LATEST]0123…`, as Lambda names a log stream; date as YYYY/MM/DD, unique as 32 hex digits."""
    return f"{date}/[{version}]{unique}"


def _append(path: str, more: str) -> str:
    return f"{path}:{more}" if path else more
