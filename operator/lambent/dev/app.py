"""`python -m lambent dev FOLDER`: reads the arguments, puts workshop and activator together, watches the folder."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry

from lambent.activator.activator import Activator
from lambent.activator.admission.model import FunctionKey, Limits
from lambent.activator.links.hello import Hello, Identity
from lambent.dev.console import Console, describe
from lambent.dev.interpreter import build_interpreter
from lambent.dev.manifests import fingerprint, read_folder
from lambent.dev.processes import ShimContext, ShimProcess, start_shim
from lambent.dev.revision import Revision
from lambent.dev.workshop import Workshop
from lambent.telemetry.activator_metrics import ActivatorMetrics
from lambent.telemetry.logs import configure_logging

LOOK_SECONDS = 0.5
GRACE_SECONDS = 10.0
LOOPBACK = "127.0.0.1"
_CHECKOUT = Path(__file__).parents[3]


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """The exit status; 2 for wrong use. Of the environment, a few variables are handed on to functions."""
    parser = argparse.ArgumentParser(prog="lambent dev", description="Serve the functions of a folder of manifests by local processes.")
    parser.add_argument("folder", type=Path, help="a folder with Function and Trigger manifests, or one such file")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen at (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen at, 0 for a free one (default 8080)")
    parser.add_argument("--runtime-images", type=Path, default=_CHECKOUT / "runtime-images", help=argparse.SUPPRESS)
    parser.add_argument("--verbose", action="store_true", help="show the activator's own log too")
    options = parser.parse_args(arguments)
    if not options.folder.exists():
        sys.stderr.write(f"lambent dev: {options.folder} does not exist; give a folder with manifests, such as examples\n")
        return 2
    if not (options.runtime_images / "shim" / "lambent_shim").is_dir():
        sys.stderr.write("lambent dev: the shim is not here; run it from a checkout of Lambent\n")
        return 2
    configure_logging("INFO" if options.verbose else "ERROR", "TEXT", sys.stderr)
    logging.getLogger("picows").setLevel(logging.ERROR)
    try:
        uvloop.run(serve(options.folder, options.host, options.port, options.runtime_images, environ, Console()))
    except OSError as error:
        sys.stderr.write(f"lambent dev: port {options.port} of {options.host}: {error.strerror}; try --port 0\n")
        return 1
    return 0


class LocalVerifier:
    """Shims of this machine's own starting prove themselves by coming from it: the link port is bound to loopback, and on the same
    machine whoever can reach it could as well read the code. There is no token to check."""

    async def verify(self, hello: Hello) -> Identity:
        """Believes what it hears."""
        return Identity(hello.pod, hello.pod)


async def serve(folder: Path, host: str, port: int, runtime_images: Path, environ: Mapping[str, str], console: Console) -> None:
    """Until SIGINT or SIGTERM. Raises OSError where the port is taken."""
    with tempfile.TemporaryDirectory(prefix="lambent-dev-") as place:
        bootstrap = runtime_images / "python" / "lambent_runtime"
        interpreter = build_interpreter(Path(place), bootstrap, _CHECKOUT / "requirements" / "runtime.lock")
        if interpreter.missing:
            console.say(f"not installed here, so functions cannot import them: {', '.join(interpreter.missing)}")

        async def start(revision: Revision, number: int) -> ShimProcess:
            shim = runtime_images / "shim" / "lambent_shim"
            context = ShimContext(Path(place), shim, interpreter, f"{LOOPBACK}:{activator.link_port}", environ)
            return await start_shim(revision, number, context, console.write)

        workshop = Workshop(start, console.say)
        activator = Activator(Limits(), workshop, LocalVerifier(), workshop, ActivatorMetrics(CollectorRegistry()), identity="dev")
        workshop.configuration = activator.configuration
        await activator.start_links(LOOPBACK, 0)
        await activator.start_http(host, port)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        activator.background.start("watch of the folder", partial(_watch, folder, host, workshop, activator, console))
        failing = asyncio.get_running_loop().create_task(activator.background.wait())
        stopping = asyncio.get_running_loop().create_task(stop.wait())
        try:
            await asyncio.wait((failing, stopping), return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                failing.result()
        finally:
            failing.cancel()
            stopping.cancel()
            console.say("ending")
            await activator.close(GRACE_SECONDS)
            await workshop.close(GRACE_SECONDS)


async def _watch(folder: Path, host: str, workshop: Workshop, activator: Activator, console: Console) -> None:
    """The folder's changes into the workshop, and idle functions to rest; without end."""
    loop = asyncio.get_running_loop()
    seen: dict[str, tuple[int, int]] | None = None
    told: list[str] = []
    while True:
        now_there = fingerprint(folder)
        if now_there != seen:
            first, seen = seen is None, now_there
            manifests = read_folder(folder)
            for problem in manifests.problems:
                console.say(problem)
            workshop.take(manifests)
            lines = describe(manifests, host, activator.http_port)
            if first or lines != told:
                told = lines
                for line in lines:
                    console.say(line)
        figures = {key: running + queued for key, running, queued, _ in activator.admission.figures()}
        workshop.rest(loop.time(), lambda key, figures=figures: figures.get(FunctionKey(*key), 0) > 0)  # type: ignore[misc]
        await asyncio.sleep(LOOK_SECONDS)
