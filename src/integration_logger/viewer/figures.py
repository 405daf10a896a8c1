"""What a query finds, in figures: counts by value, and counts by time with the spread of durations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from integration_logger.codec import timestamp
from integration_logger.errors import QueryError
from integration_logger.filters import FACETS
from integration_logger.query import LABEL, Query
from integration_logger.stores.base import Bucket, Store
from integration_logger.values import shaped, whole
from integration_logger.viewer.access import Principal
from integration_logger.viewer.render import json_response

MAX_FIELDS: Final = 20
"""Fields that one question counts."""
MAX_VALUES: Final = 100
"""Values of one field in the answer, the most frequent; how many were left out is said."""
MAX_BUCKETS: Final = 1000
"""Stretches of time that a range may be divided into."""
MOST_BARS: Final = 100
"""Stretches of time that a range is divided into where nobody says."""

_MINUTE: Final = 60
_DAY: Final = 1440 * _MINUTE
_LENGTHS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)
FIELD: Final = shaped(f"^(?:{'|'.join(FACETS)}|{LABEL})$", f"{', '.join(FACETS)} or label.NAME")
BUCKET: Final = whole(_MINUTE, 10**9, step=_MINUTE, takes="a number of seconds that makes whole minutes, such as 3600")
_NO_PAGE: Final = ("cursor", "limit", "order")


class Figures:
    """Answers ``/api/facets`` and ``/api/stats``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def facets(self, request: Request, principal: Principal) -> Response:
        """How often the values of some fields occur among the newest matches."""
        query, own = _read(request, principal, "field")
        fields = _fields(own)
        found = self._store.facets(query, fields)
        return json_response({
            "fields": {field: _values(found.counts.get(field, {})) for field in fields},
            "covered": found.covered,
            "complete": found.complete,
        })  # fmt: skip

    def stats(self, request: Request, principal: Principal) -> Response:
        """How much succeeded and failed when, and how long it took."""
        query, own = _read(request, principal, "bucket")
        seconds = _bucket(own, query)
        found = self._store.stats(query, seconds)
        return json_response({
            "bucket": seconds,
            "buckets": [_stretch(bucket) for bucket in found.buckets],
            "success": sum(bucket.success for bucket in found.buckets),
            "error": sum(bucket.error for bucket in found.buckets),
            "p50": found.p50,
            "p95": found.p95,
            "p99": found.p99,
            "complete": found.complete,
        })  # fmt: skip


def bucket_seconds(since: datetime, till: datetime) -> int:
    """Return the length of the stretches that a range is best divided into."""
    minutes = (till - since).total_seconds() / 60
    return _MINUTE * next((m for m in _LENGTHS if minutes / m <= MOST_BARS), _LENGTHS[-1])


def _read(request: Request, principal: Principal, own: str) -> tuple[Query, list[str]]:
    """Return the query, and the values of the route's own parameter."""
    params = request.query_params.multi_items()
    for name, _ in params:
        if name in _NO_PAGE:
            raise QueryError(name, "is not taken here: everything that matches is counted")
    query = Query.parse([pair for pair in params if pair[0] != own], principal.scope)
    return query, [value for name, value in params if name == own and value]


def _fields(asked: list[str]) -> list[str]:
    fields = [*dict.fromkeys(asked)]
    if not fields:
        raise QueryError("field", f"is needed; it takes {FIELD.takes}")
    if len(fields) > MAX_FIELDS:
        raise QueryError("field", f"takes at most {MAX_FIELDS} names")
    for field in fields:
        if wrong := FIELD.wrong(field):
            raise QueryError("field", wrong)
    return fields


def _values(counts: dict[str, int]) -> dict[str, object]:
    shown = [{"value": value, "count": count} for value, count in [*counts.items()][:MAX_VALUES]]
    return {"values": shown, "left_out": len(counts) - len(shown)}


def _bucket(asked: list[str], query: Query) -> int:
    shortest = _shortest(query)
    if not asked:
        return max(shortest, _best(query))
    if len(asked) > 1:
        raise QueryError("bucket", "may be given once")
    if wrong := BUCKET.wrong(asked[0]):
        raise QueryError("bucket", wrong)
    if int(asked[0]) < shortest:
        raise QueryError("bucket", f"takes at least {shortest} seconds for this range of time")
    return int(asked[0])


def _best(query: Query) -> int:
    return _DAY if query.since is None else bucket_seconds(query.since, _end(query))


def _shortest(query: Query) -> int:
    """Return the length below which a range would fall into more stretches than anybody reads."""
    if query.since is None:
        return _DAY
    seconds = (_end(query) - query.since).total_seconds()
    return max(1, -(-int(seconds) // (MAX_BUCKETS * _MINUTE))) * _MINUTE


def _end(query: Query) -> datetime:
    return query.till or datetime.now(UTC)


def _stretch(bucket: Bucket) -> dict[str, object]:
    return {
        "start": timestamp(bucket.start),
        "success": bucket.success,
        "error": bucket.error,
        "status_classes": bucket.status_classes,
    }
