"""Entries as the JSON of the viewer: the item of a list, and the whole, each as far as the reader may see."""

from __future__ import annotations

from typing import Any

from integration_logger.codec import to_dict
from integration_logger.curl import curl
from integration_logger.entry import Entry
from integration_logger.stores.base import without_detail

WHOLE_ONLY = ("request", "response", "variables", "traceback", "redacted", "bodies_expire_at")


def list_item(entry: Entry, *, detail: bool) -> dict[str, Any]:
    """Return the entry as lists and the tail show it: no headers, bodies, sizes, variables.

    ``detail`` tells whether its reader may see those where the entry is shown whole.
    """
    data = to_dict(entry)
    for name in WHOLE_ONLY:
        del data[name]
    return data | {"detail_available": detail}


def whole(entry: Entry, *, detail: bool) -> dict[str, Any]:
    """Return the entry under all its names; what ``detail`` stands for is null where it is not to be seen."""
    entry = entry if detail else without_detail(entry)
    return to_dict(entry) | {"curl": curl(entry).text if detail else None, "detail_available": detail}
