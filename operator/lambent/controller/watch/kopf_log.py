"""kopf's complaints about watches that do not get through: each is worth a line, but not each of its thousand repetitions."""

from __future__ import annotations

import logging
import re
from typing import Final

QUIET_SECONDS: Final = 60.0
_RESOURCE: Final = re.compile(r"/(?:api|apis)/[^\s?]*")


class FirstOfMany(logging.Filter):
    """Lets one record of a resource through, then none for a minute; time is the records' own."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is to be logged."""
        found = _RESOURCE.search(record.getMessage())
        about = found.group() if found else record.name
        last = self._passed.get(about)
        if last is not None and record.created - last < QUIET_SECONDS:
            return False
        self._passed[about] = record.created
        return True
