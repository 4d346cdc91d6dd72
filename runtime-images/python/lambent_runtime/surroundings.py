"""Makes a process that has started before its function was known as if it had been started for it: variables, time zone, folder."""

from __future__ import annotations

import json
import os
import time


def configure(variables: bytes) -> None:
    """What CONFIGURE says: exactly these variables (a JSON object). Those that an interpreter reads only when it starts are the shim's
    concern (lambent_shim.become): it starts another one where they differ.
    """
    wanted: dict[str, str] = json.loads(variables)
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    time.tzset()
    enter(os.environ["LAMBDA_TASK_ROOT"])


def rehearse() -> None:
    """Do once what `configure` will do, to the same effect as nothing: what it touches for the first time after a fork is copied now."""
    variables = dict(os.environ)
    configure(json.dumps(variables | {"_LAMBENT_REHEARSAL": "1"}).encode())
    configure(json.dumps(variables).encode())


def enter(task_root: str) -> None:
    """The current folder is the code's, as on Lambda."""
    try:
        os.chdir(task_root)
    except OSError:
        return  # importing the handler says what is missing
