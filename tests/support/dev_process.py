"""`python -m lambent dev` as a process of a test's own, the folder it serves, and looking at processes."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0
MANIFEST = """
apiVersion: lambent.dev/v1alpha1
kind: Function
metadata: {name: hello}
spec:
  runtime: python3.11
  handler: app.handler
  scaling: {scaleToZeroAfterSeconds: SECONDS}
  code:
    inline:
      app.py: |
CODE"""
GOOD = """
import os
def handler(event, context):
    return {"said": "WORD", "pid": os.getppid()}
"""


class Dev:
    """Serves a folder; one function in it is called hello."""

    def __init__(self, folder: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lambent", "dev", str(folder), "--port", "0", *options],
            env={**os.environ, **(environment or {}), "PYTHONPATH": str(ROOT / "operator")},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.wait_for(r"serving \d+ functions at http://127.0.0.1:(\d+)"))

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def wait_for(self, pattern: str) -> str:
        return str(
            wait_for(
                lambda: next((found[found.lastindex or 0] for line in self.lines if (found := re.search(pattern, line))), None),
                f"a line with {pattern}",
                30,
                0.02,
            )
        )

    def invoke(self, event: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", "/2015-03-31/functions/hello/invocations", json.dumps(event))
        response = connection.getresponse()
        body = json.loads(response.read())
        connection.close()
        return response.status, body

    def end(self) -> int:
        """As by Ctrl-C; the exit status."""
        return self._end(signal.SIGINT)

    def kill(self) -> None:
        """As by `kill -9`."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        status = self.process.wait(30)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def write(folder: Path, code: str, seconds: int = 60) -> None:
    """The folder's one function, with this code."""
    partial = folder / "f.partial"
    partial.write_text(MANIFEST.replace("CODE", textwrap.indent(code, " " * 8)).replace("SECONDS", str(seconds)))
    partial.rename(folder / "f.yaml")


class Watched:
    """A process that lives, met by the pid it says itself: no other one's, should the pid be used again."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def ends(self) -> bool:
        """Wait for its end; False: it goes on living, for which it is killed."""
        try:
            ended = bool(select.select([self._descriptor], [], [], PATIENCE_SECONDS)[0])
            if not ended:
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
            return ended
        finally:
            os.close(self._descriptor)


def is_gone(pid: int) -> bool:
    """Ended; where nobody collects orphans, a zombie stays."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
