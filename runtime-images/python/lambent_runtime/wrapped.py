"""Runs a user's wrapper (AWS_LAMBDA_EXEC_WRAPPER) confined: it is the user's code as the handler is.

A script of its own, `python3 -I -S lambent_runtime/wrapped.py OPTIONS WRAPPER COMMAND...`; the options are `confinement.read_options`'.
"""

import os
import sys


def main() -> None:
    """Confine this process and become the wrapper."""
    sys.path.append(__file__.rpartition("/lambent_runtime/")[0])
    from lambent_runtime import confinement, refused_calls  # noqa: PLC0415 - found by the line above

    hidden, fixed, command = confinement.read_options(sys.argv[1:])
    confinement.confine(hidden, fixed)  # what could not be is said by the prepared interpreter, which tries again
    refused_calls.refuse_calls(os.getppid())
    try:
        os.execvp(command[0], command)  # noqa: S606 - the user's own
    except OSError as error:
        print(f"AWS_LAMBDA_EXEC_WRAPPER is {command[0]!r}, which does not start: {error}", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
