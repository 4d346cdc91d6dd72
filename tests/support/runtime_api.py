"""AWS's own runtime as the oracle: awslambdaric in a process, served by a small Lambda Runtime API on loopback.

API: Lambda developer guide, "Using the Lambda runtime API for custom runtimes".
"""

from __future__ import annotations

import http.client
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.bootstrap_driver import Answer
from tests.support.patience import PATIENCE_SECONDS

_PREFIX = "/2018-06-01/runtime"


class _Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        given = self.server.events.get()
        if given is None:
            self.close_connection = True
            return
        request_id, event, headers = given
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answers.put((self.path.removeprefix(_PREFIX), body))


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # the runtime was ended in the middle of a call
            super().handle_error(request, client_address)


# awslambdaric sends a trace of up to 1 MiB in a header.
http.client._MAXLINE = 2 << 20  # type: ignore[attr-defined]


class Oracle:
    """awslambdaric with one handler."""

    def __init__(self, task_root: Path, handler: str, environment: Mapping[str, str], *, telemetry: bool) -> None:
        self._server: Any = _Server(("127.0.0.1", 0), _Endpoint)
        self._server.daemon_threads = True
        self._server.events = queue.Queue()
        self._server.answers = queue.Queue()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self._number = 0
        self._records_end, writing = os.pipe()
        given = dict(environment) | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}"}
        # awslambdaric lives beside the tests' own packages; the handler's folder comes first, as on Lambda.
        given["PYTHONPATH"] = os.pathsep.join([str(task_root), *[entry for entry in sys.path if "site-packages" in entry]])
        if telemetry:
            given["_LAMBDA_TELEMETRY_LOG_FD"] = str(writing)
        code = f"import sys; sys.path.pop(0); sys.argv = ['bootstrap', {handler!r}]; import awslambdaric.__main__ as m; m.main(sys.argv)"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=task_root,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[writing],
        )
        os.close(writing)

    def invoke(self, event: bytes, *, left_ms: int = 3000, **meta: Any) -> Answer:
        """Run the handler once."""
        self._number += 1
        headers = {
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + left_ms),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:default:function:probe",
        }
        for key, name in (("clientContext", "Client-Context"), ("identity", "Cognito-Identity"), ("traceId", "Trace-Id")):
            if key in meta:
                headers[f"Lambda-Runtime-{name}"] = meta[key]
        self._server.events.put((f"request-{self._number}", event, headers))
        return self.next_answer()

    def next_answer(self) -> Answer:
        """What it posts next, or how it ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                path, body = self._server.answers.get(timeout=0.02)
            except queue.Empty:
                code = self.process.poll()
                if code is not None and self._server.answers.empty():
                    return Answer("exit", str(code << 8 if code >= 0 else -code).encode(), 0)
                continue
            return Answer("result" if path.endswith("/response") else "error", body, 0)
        raise AssertionError("awslambdaric does not answer")

    def read_output(self) -> bytes:
        """All it has written to stdout and stderr, at its end."""
        self._server.events.put(None)
        self.process.terminate()
        output, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        return output

    def read_records(self) -> list[str]:
        """The records it has logged (telemetry frames), at its end."""
        self.read_output()
        data = b""
        while chunk := os.read(self._records_end, 1 << 20):
            data += chunk
        records = []
        while data:
            length = int.from_bytes(data[4:8], "big")
            records.append(data[16 : 16 + length].decode())
            data = data[16 + length :]
        return records

    def close(self) -> None:
        """End it."""
        self._server.events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        os.close(self._records_end)


@contextmanager
def run_oracle(task_root: Path, handler: str, environment: Mapping[str, str], *, telemetry: bool = False) -> Iterator[Oracle]:
    """awslambdaric around a folder of code."""
    oracle = Oracle(task_root, handler, environment, telemetry=telemetry)
    try:
        yield oracle
    finally:
        oracle.close()
