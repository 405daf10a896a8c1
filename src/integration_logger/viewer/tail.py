"""The live tail: new entries to all readers, from one poller of the store."""

from __future__ import annotations

from starlette.responses import Response

from integration_logger.query import Query
from integration_logger.viewer.reading import Reading


class Tail:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def follow(self, query: Query, last_event_id: str | None) -> Response:
        return Response("retry: 500\n\n", media_type="text/event-stream")

    def close(self) -> None:
        pass
