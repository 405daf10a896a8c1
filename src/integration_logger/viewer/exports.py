"""The routes that take the log away, as files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.errors import QueryError
from integration_logger.exports import CSV, HAR, NDJSON, SUFFIXES, Format, export, export_one
from integration_logger.exports.columns import read_columns
from integration_logger.exports.har import is_http
from integration_logger.query import Query
from integration_logger.stores.base import Store
from integration_logger.viewer.access import Principal
from integration_logger.viewer.audit import Audit
from integration_logger.viewer.download import Download
from integration_logger.viewer.limits import Running, who
from integration_logger.viewer.params import Pairs

_OF_CSV: Final = ("columns", "bom", "last_line")


class Exports:
    """Answers them."""

    def __init__(self, store: Store, audit: Audit) -> None:
        self._store = store
        self._audit = audit
        self._running = Running()

    def matches(self, request: Request, principal: Principal) -> Response:
        """All that the filters find, as a file."""
        format, filters = _read(request, principal)
        if any(name == "limit" for name, _ in filters):
            raise QueryError("limit", "is not taken here: an export has all that the filters find")
        query, reader = Query.parse(filters, principal.scope), who(principal)
        if self._running.is_full(reader):
            raise HTTPException(429, "Too many exports are running; wait until one has ended.", {"retry-after": "10"})
        name = f"integration-log-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.{format.suffix}"

        def begun() -> None:
            self._running.begin(reader)
            self._audit.note("export", request, principal, file=name)

        def ended(entries: int, complete: bool) -> None:
            self._running.end(reader)
            whole = "true" if complete else "false"
            self._audit.note("exported", request, principal, file=name, entries=str(entries), complete=whole)

        return Download(
            export(format, self._store, query),
            media_type=format.media_type,
            name=name,
            accepted=request.headers.get("accept-encoding", ""),
            on_begin=begun,
            on_end=ended,
        )

    def entry(self, request: Request, principal: Principal) -> Response:
        """One entry, as a file."""
        format, rest = _read(request, principal)
        for name, _ in rest:
            raise QueryError(name, "is not taken here: this is one entry")
        entry = self._store.get(request.path_params["id"], principal.scope)
        if entry is None:
            raise HTTPException(404)
        if isinstance(format, HAR) and not is_http(entry):
            raise HTTPException(404, "A HAR holds HTTP calls, and this entry is none.")
        name = f"{entry.id}.{format.suffix}"
        self._audit.note("export", request, principal, entry=entry, file=name)
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(export_one(format, entry), media_type=format.media_type, headers=headers)


def _read(request: Request, principal: Principal) -> tuple[Format, Pairs]:
    """Return how the file is to be written, and the parameters that say what goes into it."""
    suffix, pairs = request.path_params["format"], request.query_params.multi_items()
    if suffix not in SUFFIXES:
        raise HTTPException(404)
    detail = principal.sees_detail if principal.may("detail") else False
    if suffix != "csv":
        return (NDJSON if suffix == "ndjson" else HAR)(detail=detail), pairs
    own = dict(pair for pair in pairs if pair[0] in _OF_CSV)
    for name in own:
        if sum(pair[0] == name for pair in pairs) > 1:
            raise QueryError(name, "may be given once")
    columns = read_columns(own.get("columns") or "standard")
    if not detail and (withheld := [column.title for column in columns if column.detail]):
        raise HTTPException(403, f"The column {withheld[0]} needs the permission 'detail'.")
    flags = {name: _truth(name, own[name]) for name in ("bom", "last_line") if name in own}
    return CSV(columns, detail=detail, **flags), [pair for pair in pairs if pair[0] not in _OF_CSV]


def _truth(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise QueryError(name, "takes true or false")
    return value == "true"
