"""CSV (RFC 4180), for spreadsheets and programs: a row for each entry, the columns that were chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from integration_logger.entry import Entry
from integration_logger.exports.cells import text_cell
from integration_logger.exports.columns import Column
from integration_logger.exports.stream import Detail, Part, shown
from integration_logger.query import Query
from integration_logger.stores.base import Store
from integration_logger.stores.columns import FIELDS, column

_BOM: Final = "\ufeff".encode()


class CSV:
    """Writes the columns of entries as rows.

    A text that a spreadsheet could take for a formula has an apostrophe before it; numbers stay numbers. ``bom`` has
    Excel read UTF-8 as such. ``last_line`` adds a line that says that the export is complete.
    """

    suffix = "csv"
    media_type = "text/csv; charset=utf-8"

    def __init__(
        self, columns: Sequence[Column], *, bom: bool = False, last_line: bool = False, detail: Detail = True
    ) -> None:
        self._columns = columns
        self._detail = detail
        self._bom = bom
        self._last_line = last_line
        self._needs = [*dict.fromkeys(name for column in columns for name in column.needs)]

    def begin(self) -> bytes:
        """Return the line with the titles."""
        return (_BOM if self._bom else b"") + _rows([[text_cell(column.title) for column in self._columns]])

    def parts(self, store: Store, query: Query) -> Iterator[Part]:
        """Yield rows; nothing is read but what the columns need."""
        if any(column.detail for column in self._columns):
            for batch in store.batches(query):
                yield self.write(batch)
            return
        for seqs, *values in store.columns(query, ["seq", *self._needs]):
            data = self._write(dict(zip(self._needs, values, strict=True)))
            yield Part(data, len(seqs), seqs[-1] if seqs else None)

    def write(self, entries: Sequence[Entry]) -> Part:
        """Return a row for each entry."""
        seen = shown(entries, self._detail)
        rows = self._write({name: _values(seen, name) for name in self._needs})
        return Part(rows, len(entries), entries[-1].seq if entries else None)

    def _write(self, values: dict[str, Sequence[Any]]) -> bytes:
        cells = [column.cells(*(values[name] for name in column.needs)) for column in self._columns]
        return _rows(zip(*cells, strict=True))

    def end(self, entries: int, *, complete: bool) -> bytes:
        """Return the last line: where it was asked for, and where the export is not complete."""
        if not complete:
            return _rows([[f"# broken off after {entries} entries"]])
        return _rows([[f"# complete: {entries} entries"]]) if self._last_line else b""


def _values(entries: Sequence[Entry], name: str) -> list[Any]:
    return column(entries, name) if name in FIELDS else [getattr(entry, name) for entry in entries]


def _rows(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows of finished cells; a line that is empty would be none, so a lone empty cell is quoted."""
    lines = [",".join(row) or '""' for row in rows]
    return "\r\n".join([*lines, ""]).encode("utf-8", "replace")
