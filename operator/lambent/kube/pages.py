"""Lists by pages that are bounded in bytes, not only in objects: what tenants fill must not fill the memory of who reads it.

The API server bounds a page by its number of objects, and one object may have more than a megabyte. So a page that grows past its bytes is
given up and asked for anew with fewer objects, down to one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import AnswerTooLargeError

PAGE_SIZE: Final = 100
"""Objects per page, where they are small."""
PAGE_BYTES: Final = 4 << 20
"""Of a page as JSON; parsed, and with its text, it takes about three times as much."""
FEWER: Final = 4
"""A page that is too large is asked for again with so many times fewer objects, and the pages after it with twice as many each time."""


async def list_pages(
    client: KubeClient,
    path: str,
    *,
    label_selector: str = "",
    field_selector: str = "",
    page_size: int = PAGE_SIZE,
    page_bytes: int = PAGE_BYTES,
    metadata_only: bool = False,
) -> AsyncGenerator[Json, None]:
    """All pages of a collection, one after another; keep none of them longer than you must.

    Raises what `KubeClient.list` raises: GoneError where it took longer than the API server remembers.
    """
    token, limit = "", page_size
    while True:
        try:
            page = await client.list(
                path,
                label_selector=label_selector,
                field_selector=field_selector,
                limit=limit,
                continue_token=token,
                # One object is taken whatever its size, which the API server bounds.
                most_bytes=page_bytes if limit > 1 else 0,
                metadata_only=metadata_only,
            )
        except AnswerTooLargeError:
            limit = max(1, limit // FEWER)
            continue
        yield page
        token = str((page.get("metadata") or {}).get("continue") or "")
        if not token:
            return
        # What was read must be free before the next page comes.
        del page
        limit = min(page_size, limit * 2)
