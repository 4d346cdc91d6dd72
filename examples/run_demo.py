"""The demonstration behind `make demo`: examples/hello from nothing to an answer and back to nothing.

Needs a cluster that `make up` brought up; standard library only. Safe to run again at any time.
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parents[1]
CLUSTER = CHECKOUT / ".cluster"
MANIFEST = "examples/hello/function.yaml"
PATH = "/2015-03-31/functions/hello/invocations"
SELECTOR = "lambent.dev/function=hello"


class DemoError(Exception):
    """The demonstration cannot go on; the text says why and what to do."""


def kubectl(*arguments: str) -> str:
    """Runs kubectl against the demo's cluster; its output."""
    own = CLUSTER / "bin" / "kubectl"
    program = str(own) if own.exists() else shutil.which("kubectl")
    if program is None:
        raise DemoError("there is no kubectl: run `make up` first")
    command = [program, "--kubeconfig", str(CLUSTER / "kubeconfig"), "--namespace", "default", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    if result.returncode:
        raise DemoError(f"kubectl {' '.join(arguments)} failed:\n{result.stderr.strip()}")
    return result.stdout.rstrip()


def say(text: str = "") -> None:
    print(text, flush=True)


def show(command: str, output: str) -> None:
    """A command and what it said, as on a terminal."""
    say(f"  $ {command}")
    for line in output.splitlines():
        say(f"  {line}")
    say()


def wait_until(condition: Callable[[], bool], what: str, seconds: float) -> float:
    """Waits and says so; the seconds it took."""
    begun = time.monotonic()
    print(f"  waiting for {what} ", end="", flush=True)
    while not condition():
        if time.monotonic() - begun > seconds:
            print(flush=True)
            described = kubectl("describe", "function", "hello")
            raise DemoError(f"it did not happen within {seconds:g} s. The function's state:\n\n{described}")
        print(".", end="", flush=True)
        time.sleep(1)
    took = time.monotonic() - begun
    print(f" {took:.0f} s", flush=True)
    return took


def is_at_zero() -> bool:
    wanted = kubectl("get", "deployment", "hello", "--output", "jsonpath={.spec.replicas}")
    return wanted == "0" and not kubectl("get", "pods", "--selector", SELECTOR, "--output", "name")


def call(endpoint: str, event: dict[str, str]) -> tuple[str, float, str]:
    """Invokes hello through Lambda's API: its answer, milliseconds, and where they went."""
    parts = urlsplit(endpoint)
    if parts.hostname is None:
        raise DemoError(f".cluster/endpoint holds {endpoint!r}, not a URL: run `make up` again")
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=60)
    try:
        connection.request("POST", PATH, json.dumps(event), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read().decode()
    except OSError as error:
        raise DemoError(f"nothing answers at {endpoint}: {error}\nIs the cluster up? `make up` brings it back.") from error
    finally:
        connection.close()
    milliseconds = (time.perf_counter() - begun) * 1000
    if response.status != 200 or response.headers.get("X-Amz-Function-Error"):
        raise DemoError(f"hello answered with status {response.status}: {answer}")
    return answer, milliseconds, response.headers.get("Server-Timing", "")


def describe_timing(header: str) -> str:
    """`start;dur=512.3, handler;dur=0.4` for people."""
    parts = []
    for entry in header.split(","):
        name, _, rest = entry.strip().partition(";")
        duration = next((field[4:] for field in rest.split(";") if field.startswith("dur=")), "")
        if duration:
            parts.append(f"{name} {float(duration):.1f} ms")
    return ", ".join(parts)


def show_call(endpoint: str, event: dict[str, str]) -> None:
    answer, milliseconds, timing = call(endpoint, event)
    body = json.dumps(event)
    show(f"curl -d '{body}' {endpoint}{PATH}", answer)
    say(f"  answered in {milliseconds:.0f} ms" + (f" ({describe_timing(timing)})" if describe_timing(timing) else ""))
    say()


def show_pods() -> None:
    """The pod that answered. It answers over its link before its status says that it runs, so that is waited for."""
    deadline = time.monotonic() + 10
    while "Running" not in (pods := kubectl("get", "pods", "--selector", SELECTOR)) and time.monotonic() < deadline:
        time.sleep(0.2)
    show(f"kubectl get pods -l {SELECTOR}", pods)


def run() -> None:
    """The whole demonstration."""
    try:
        endpoint = (CLUSTER / "endpoint").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise DemoError("there is no cluster: run `make up` first") from None

    say("\n1. A function is a manifest\n")
    show(f"kubectl apply -f {MANIFEST}", kubectl("apply", "--filename", MANIFEST))
    kubectl("wait", "function/hello", "--for=condition=Ready", "--timeout=120s")
    show("kubectl get function hello", kubectl("get", "function", "hello"))
    wait_until(is_at_zero, "it to be at zero: its code has been proved, and nothing asks for it", 90)

    say("\n2. Called from zero\n")
    show_call(endpoint, {"name": "Ada"})
    show_pods()

    say("3. Called again, warm\n")
    show_call(endpoint, {"name": "Grace"})

    say("4. Left alone, it goes back to zero (after 10 s; the default is 60)\n")
    wait_until(is_at_zero, "zero", 90)

    say(
        f"""
Lambent is up. Call it again whenever you like:

  curl -d '{{"name": "you"}}' {endpoint}{PATH}
  curl -H 'Host: hello.default' {endpoint}/
  aws lambda invoke --no-sign-request --region us-east-1 --endpoint-url {endpoint} --function-name hello --cli-binary-format raw-in-base64-out --payload '{{}}' /dev/stdout

Look around with kubectl, and apply more from examples/:

  export KUBECONFIG={CLUSTER}/kubeconfig PATH={CLUSTER}/bin:$PATH
  kubectl get functions
  kubectl apply -f examples/identicon/

Take all of it down:

  make down
"""
    )


def main() -> int:
    try:
        run()
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; run it again at any time", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
