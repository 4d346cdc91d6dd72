"""Entry point: `python3 RUNTIME_DIR/lambent_runtime`, started by the shim with its channel as file descriptor 3."""

import sys

if __name__ == "__main__":
    # Run as a folder, the interpreter puts that folder first; the user's code must not see the bootstrap's modules as top-level names.
    folder = sys.path.pop(0)
    parent = folder.rpartition("/")[0]
    if parent not in sys.path:
        sys.path.append(parent)
    from lambent_runtime.process import main

    main(parent)
