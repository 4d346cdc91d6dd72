"""The environment variables of the user's processes: those that the function's author set, with Lambda's. Pure.

Names and defaults: Lambda developer guide, "Defined runtime environment variables". Reserved ones always have Lambda's value; the
others only where the user sets none. Of the container's own variables nothing is left that came with the runtime's image or from
Kubernetes: on Lambda there is nothing of that kind, and code that finds `KUBERNETES_SERVICE_HOST` believes that it may ask the API
server. HOSTNAME stays: it is how code tells pods apart.
"""

from __future__ import annotations

from collections.abc import Mapping

from lambent_shim.configuration import Configuration

_HIDDEN_PREFIX = "LAMBENT_"
_KUBERNETES_PREFIX = "KUBERNETES_"
_TRACE_DAEMON_HOST, _TRACE_DAEMON_PORT = "127.0.0.1", "2000"
"""Where Lambda says that X-Ray's daemon listens. Here nobody does: what is sent is lost inside of the pod, as a datagram may be."""


def build_environment(
    configuration: Configuration, container: Mapping[str, str], *, log_stream: str, image: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables of the prepared interpreter, inherited by every worker.

    `image` holds the variables of the runtime's image as it was built; an image of the user's that starts from it keeps its own.
    """
    layers = configuration.layers_dir
    task_root = configuration.task_root
    environment = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_REGION": configuration.region,
        "AWS_DEFAULT_REGION": configuration.region,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": f"{_TRACE_DAEMON_HOST}:{_TRACE_DAEMON_PORT}",
        "HOME": "/tmp",  # noqa: S108 - the one folder a function may write to
    }
    environment.update(_keep_own(configuration, container, image or {}))
    if environment["HOME"] == "/":
        environment["HOME"] = "/tmp"  # noqa: S108 - a uid without an entry in passwd is given "/", which is read-only
    environment["PATH"] = _append(container.get("PATH", "/usr/local/bin:/usr/bin:/bin"), f"{layers}/bin")
    environment["LD_LIBRARY_PATH"] = _append(environment.get("LD_LIBRARY_PATH", ""), f"{task_root}:{task_root}/lib:{layers}/lib")
    environment["PYTHONPATH"] = _append(environment.get("PYTHONPATH", ""), configuration.runtime_dir)
    environment.update(
        {
            "_HANDLER": configuration.handler,
            "_AWS_XRAY_DAEMON_ADDRESS": _TRACE_DAEMON_HOST,
            "_AWS_XRAY_DAEMON_PORT": _TRACE_DAEMON_PORT,
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
            "PWD": task_root,
            "SHLVL": "0",
        }
    )
    if configuration.application_level:
        environment["AWS_LAMBDA_LOG_LEVEL"] = configuration.application_level
    if configuration.status_port:
        # Lambda's address. The status server answers: 404 to what it does not know, so that a client fails at once and says so.
        environment["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{configuration.status_port}"
    return environment


def _keep_own(configuration: Configuration, container: Mapping[str, str], image: Mapping[str, str]) -> dict[str, str]:
    """The container's variables that are the user's: named in the Function, or set by an image built on the runtime's."""
    named = frozenset(configuration.variables)
    kept = {}
    for name, value in container.items():
        if name.startswith(_HIDDEN_PREFIX):
            continue
        theirs = image.get(name) == value or (name.startswith(_KUBERNETES_PREFIX) and not configuration.service_account)
        if name in named or not theirs:
            kept[name] = value
    return kept


def name_log_stream(date: str, version: str, unique: str) -> str:
    """`2026/11/21/[$LATEST]0123…`, as Lambda names a log stream; date as YYYY/MM/DD, unique as 32 hex digits."""
    return f"{date}/[{version}]{unique}"


def _append(path: str, more: str) -> str:
    return f"{path}:{more}" if path else more
