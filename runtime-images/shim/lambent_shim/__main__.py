"""Entry point, PID 1 of a function pod: `python -I -m lambent_shim`, or `python -I runtime-images/shim/lambent_shim` in a checkout.

The only reader of the environment. It starts the prepared interpreter and orders the handler's import before it imports anything
heavy itself, so that both go on at the same time.
"""

import _signal  # type: ignore[import-not-found]  # signal itself, with its enums, costs 2 ms
import gc
import os
import sys
import time

if __name__ == "__main__":
    started_at = time.time()
    gc.disable()  # nothing is garbage while modules load; collecting takes 5 ms of them
    # PID 1 ignores a signal that it has no handler for: a pod deleted while it starts would linger for the whole of its grace period.
    _signal.signal(_signal.SIGTERM, lambda *_: os._exit(0))
    if not __package__:
        # Run as a folder: that folder comes first on the path, but it is its parent that holds the package.
        sys.path[0] = os.path.dirname(os.path.abspath(sys.path[0]))  # noqa: PTH100, PTH120 - pathlib costs 3 ms of a cold start
    from lambent_shim.boot import boot

    started = boot(os.environ, started_at)
    from lambent_shim.light_imports import LightImports

    with LightImports():
        from lambent_shim.run import run

    gc.freeze()
    gc.enable()
    sys.exit(run(started))
