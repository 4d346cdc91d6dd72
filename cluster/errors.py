"""The one error that is shown to a person: what went wrong, and what to do about it."""

from pathlib import Path


class ClusterError(Exception):
    """Something a person can act on."""

    def __init__(self, message: str, *, do: str = "", log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.do = do
        self.log = log

    def explanation(self, tail_lines: int = 25) -> str:
        """The message, the end of the log it came from, and what to do."""
        parts = [f"error: {self.message}"]
        if self.log is not None and self.log.exists():
            lines = self.log.read_text(errors="replace").splitlines()[-tail_lines:]
            parts.append("\n".join(f"  | {line}" for line in lines))
            parts.append(f"the whole log: {self.log}")
        if self.do:
            parts.append(f"what to do: {self.do}")
        return "\n".join(parts)
