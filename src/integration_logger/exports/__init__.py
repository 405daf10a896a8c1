"""Taking the log away: what a query finds as CSV, NDJSON or HAR, streamed and in constant memory."""

from __future__ import annotations

from typing import Final

from integration_logger.exports.csv import CSV
from integration_logger.exports.har import HAR
from integration_logger.exports.ndjson import NDJSON, entries
from integration_logger.exports.stream import BrokenOff, Chunk, Format, export, export_one

SUFFIXES: Final = ("csv", "ndjson", "har")
"""The formats, by the ending of their files."""

__all__ = ["CSV", "HAR", "NDJSON", "SUFFIXES", "BrokenOff", "Chunk", "Format", "entries", "export", "export_one"]
