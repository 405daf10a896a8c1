"""Ready-made answers to whose headers and bodies may be seen, for ``Principal(detail=...)``."""

from __future__ import annotations

from integration_logger.entry import Entry

_ROOK_TYPES = ("events", "summaries")


def rook(entry: Entry) -> bool:
    """Show only what was delivered: events and summaries that were answered with 200, once complete."""
    return entry.status == "completed" and entry.status_code == 200 and entry.log_type in _ROOK_TYPES
