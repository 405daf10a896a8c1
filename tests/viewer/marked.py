"""A log of one family that crosses all bounds, in which every entry shows a mark of its own wherever it is shown."""

from __future__ import annotations

import re
from typing import Any

from integration_logger.entry import Entry, Message, Run
from integration_logger.ids import new_id
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.integration_health import observe_entries
from integration_logger.stores.memory import MemoryStore
from tests.factories import make_in_flight
from tests.viewer.server import new_entry


def marked(mark: str, parent: str | None, **fields: Any) -> Entry:
    """Return an entry whose mark stands in everything that can be shown of it; in what needs ``detail``, deeper."""
    deep = f"deep{mark}"
    half = Message(
        raw_headers=[(b"content-type", b"text/plain"), (b"x-mark", deep.encode())],
        body=f"body of {deep}".encode(),
        content_type="text/plain",
        size=1000,
    )
    return new_entry(
        **{
            "url": f"https://{mark}.example.com/{mark}?q={mark}", "host": f"{mark}.example.com", "route": f"/{mark}",
            "integration": mark, "operation": mark, "log_type": mark, "user_id": mark, "server_host": mark,
            "labels": {"mark": mark, mark: "label"}, "errors": (f"it said {mark}",), "has_errors": True,
            "traceback": f"Traceback {deep}", "variables": {"deep": deep}, "request": half, "response": half,
            "redacted": (f"request body {deep}: name",), "run": Run(job_name=mark), "parent_id": parent,
            "status": "completed", "status_code": 200, "error_type": None, "duration": 1.0,
        }
        | fields
    )  # fmt: skip


def bound(tenant: str | None, application: str | None) -> dict[str, Any]:
    """Return the bounds of an entry. Foreign ones fail, take long, and have a status of their own."""
    own = tenant == "acme" and application == "shop"
    failed = {"status": "failed", "status_code": 599, "error_type": "http_5xx", "duration": 7777.0}
    return {"tenant": tenant, "application": application} | ({} if own else failed)


def build() -> tuple[MemoryStore, list[Entry]]:
    """Return a log of one family that crosses all bounds, and its entries."""
    transaction, trace = new_id(), new_id().replace("-", "")
    kin = {"transaction_id": transaction, "trace_id": trace}
    entries: list[Entry] = []
    for number, (tenant, application) in enumerate(
        (t, a) for t in ("acme", "globex", None) for a in ("shop", "billing", None)
    ):
        parent = entries[0].id if entries else None
        entries.append(marked(f"mark{number}", parent, **kin, **bound(tenant, application)))
    entries.append(marked("mark9", entries[0].id, kind="audit", **kin, **bound("acme", "shop")))
    for number, tenant in enumerate(("acme", "globex", None)):
        entries.append(marked(f"mark2{number}", entries[0].id, kind="run", **kin, **bound(tenant, "shop")))
    open_calls = [
        make_in_flight(**plain(marked(f"mark1{number}", entries[0].id, **kin, **bound(tenant, "shop"))))
        for number, tenant in enumerate(("acme", "globex"))
    ]
    store = MemoryStore()
    store.write(entries, in_flight=open_calls)
    observe_entries(store.state, store.search(Query(scope=EVERYTHING, limit=100, order="asc")).entries)
    return store, entries + [call.entry for call in open_calls]


def plain(entry: Entry) -> dict[str, Any]:
    """Return what is known of a call that has not ended."""
    known = {name: getattr(entry, name) for name in entry.__struct_fields__}
    ended = (
        "status",
        "status_code",
        "duration",
        "response",
        "errors",
        "has_errors",
        "error_type",
        "traceback",
        "redacted",
    )
    return {name: value for name, value in known.items() if name not in ended}


def mark_of(entry: Entry) -> str:
    return str(entry.labels["mark"])


def marks(text: str, *, deep: bool = False) -> set[str]:
    """Return the marks in an answer."""
    return set(re.findall(r"deep(mark[0-9]+)" if deep else r"mark[0-9]+", text))
