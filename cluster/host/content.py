"""Names content by what it holds, so that built parts are found again by it and rebuilt when it changes."""

import hashlib
from pathlib import Path


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def content_key(*parts: str | bytes | Path) -> str:
    """A short name for texts, bytes, files and whole folders (their files' names and contents)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for file in _files(part):
                content = file.read_bytes()
                digest.update(f"{file.relative_to(part.parent)}\0{len(content)}\0".encode())
                digest.update(content)
        else:
            content = part.encode() if isinstance(part, str) else part
            digest.update(f"\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:12]
