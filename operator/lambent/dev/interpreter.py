"""The interpreter that handlers run in: as in the runtime image, the standard library and the packages that every function gets.

Nothing of the tools' virtual environment is in sight, so that a handler which forgets to bring a package fails here as it would in a
cluster, and not only there.
"""

from __future__ import annotations

import re
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

_LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Where it is."""

    python: Path
    runtime: Path
    """The folder that holds `lambent_runtime` and the packages every function gets, as /var/runtime in the image."""
    missing: tuple[str, ...]
    """Packages of the image that this machine's tools do not have, so that functions cannot import them here."""


def build_interpreter(folder: Path, bootstrap: Path, lock: Path) -> Interpreter:
    """Make one below `folder`; `bootstrap` is lambent_runtime's folder, `lock` names the image's packages. Raises OSError.

    An empty virtual environment of the base interpreter: that alone shuts out what is installed beside the base and for the user.
    """
    environment = folder / "python"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(environment)
    runtime = folder / "runtime"
    runtime.mkdir()
    (runtime / bootstrap.name).symlink_to(bootstrap.resolve())
    missing = []
    for name in _LOCKED.findall(lock.read_text()):
        try:
            found = distribution(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        for entry in find_entries(found):
            (runtime / entry.name).symlink_to(entry)
    return Interpreter(environment / "bin" / "python", runtime, tuple(missing))


def find_entries(found: Distribution) -> Iterable[Path]:
    """What a distribution has put straight into its site-packages: packages, modules, its metadata."""
    names = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
    return [Path(str(found.locate_file(name))) for name in sorted(names)]
