"""The shapes of the JSON that the API answers with, for its description; made from the record's own fields.

What a name holds is said once, here: the description and the reference of the API are made from it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from integration_logger.entry import Entry, Kind, Outcome, Run, Status
from integration_logger.entry import Message as Half
from integration_logger.health import Loss
from integration_logger.viewer.shapes import WHOLE_ONLY


def says(text: str) -> msgspec.Meta:
    """Return what a name holds, in words."""
    return msgspec.Meta(description=text)


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    """What is not named here does not occur, and what is named always does."""


def _shape(name: str, fields: dict[str, Any]) -> type:
    return msgspec.defstruct(name, [*fields.items()], bases=(Shape,), forbid_unknown_fields=True)


def _fields(type: type) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(type)}


RunShape: Final = _shape("Run", _fields(Run))
MessageShape: Final = _shape(
    "Message",
    {"headers": list[tuple[str, str]]}
    | {n: t for n, t in _fields(Half).items() if n != "raw_headers"}
    | {"body": str | None},
)
_DERIVED: Final[dict[str, Any]] = {
    "ended_at": datetime | None, "outcome": Outcome | None, "status_label": str,
    "detail_available": Annotated[bool, says("Whether the reader may see the entry whole, where it is shown alone.")],
}  # fmt: skip
_ENTRY: Final[dict[str, Any]] = _fields(Entry) | {
    "request": MessageShape | None, "response": MessageShape | None, "run": RunShape | None, **_DERIVED,
}  # fmt: skip
_CURL: Final = Annotated[str | None, says("The command that sends the request once more.")]
Whole: Final = _shape("Entry", _ENTRY | {"curl": _CURL})
Item: Final = _shape("Item", {name: type for name, type in _ENTRY.items() if name not in WHOLE_ONLY})

Entries: Final = _shape(
    "Entries",
    {
        "items": Annotated[list[Item], says("Entries, the newest first unless the oldest are asked for.")],  # type: ignore[valid-type]
        "in_flight": Annotated[
            list[Item],  # type: ignore[valid-type]
            says("Calls that are still open; filled on the first page of a descending list only."),
        ],
        "next_cursor": Annotated[
            int | None, says("The `cursor` with which to read on; null where a descending list has ended.")
        ],
        "has_more": Annotated[bool, says("More may follow, even where there are few items or none.")],
        "partial": Annotated[bool, says("The search ran out of its time, 1 s, before it had a whole page.")],
    },
)
Kin: Final = _shape(
    "Related",
    {
        "parent": Annotated[Item | None, says("The entry around it; null where there is none.")],
        "attempts": Annotated[list[Item], says("All attempts of one call, the entry itself among them.")],  # type: ignore[valid-type]
        "children": Annotated[list[Item], says("What was made in it.")],  # type: ignore[valid-type]
        "has_more": Annotated[bool, says("There are more than the newest 100 of a kind.")],
    },
)


class Counted(Shape):
    """How often one value occurs."""

    value: str
    count: int


class Counts(Shape):
    """The values of one field, the most frequent first."""

    values: list[Counted]
    left_out: int


class Facets(Shape):
    """How often values occur among the newest matches."""

    fields: Annotated[
        dict[str, Counts],
        says("For each field its most frequent 100 values, and in `left_out` the number of others."),
    ]
    covered: Annotated[int, says("How many matches were looked at: the newest 10,000.")]
    complete: Annotated[bool, says("Those were all.")]


class Stretch(Shape):
    """Counts of the entries that began in one stretch of time."""

    start: datetime
    success: int
    error: int
    status_classes: dict[str, int]


class Stats(Shape):
    """Counts by time, and the spread of durations in seconds."""

    bucket: Annotated[int, says("Seconds of one stretch of time.")]
    buckets: Annotated[list[Stretch], says("Stretches with at least one entry, counted since 1970.")]
    success: Annotated[int, says("All that went well.")]
    error: Annotated[int, says("All that went wrong.")]
    p50: Annotated[
        float | None, says("Seconds within which half of the newest 10,000 matches ended; null without any.")
    ]
    p95: Annotated[float | None, says("The same for 95 of 100.")]
    p99: Annotated[float | None, says("The same for 99 of 100.")]
    complete: Annotated[bool, says("False where counting ran out of its time, 1 s: older matches are not in it.")]


class Taken(Shape, omit_defaults=True):
    """What an erasure or a purge took away."""

    dry_run: Annotated[bool, says("Nothing was deleted.")]
    entries: Annotated[int, says("How many went, or would.")]
    bodies: Annotated[int, says("Headers, bodies and variables that went, each entry's counted as one.")]
    excess: Annotated[int, says("Of a purge: those beyond the bounds. For readers without limits.")] = 0
    bytes_before: Annotated[int, says("Size of the store. For readers without limits.")] = 0
    bytes_after: Annotated[int, says("The same, after. For readers without limits.")] = 0


class LastError(Shape):
    """The last error of an integration."""

    id: str
    status_code: int | None
    error_type: str | None
    text: str | None


class Hour(Shape):
    """One hour of an integration."""

    start: datetime
    success: int
    error: int


class Integration(Shape):
    """How one integration does for one tenant."""

    integration: Annotated[str, says("Which one.")]
    title: Annotated[str, says("What people call it.")]
    tenant: Annotated[str | None, says("Whose calls they are.")]
    success_rate: Annotated[float | None, says("The part of the last 24 hours that went well; null without any.")]
    success: Annotated[int, says("Calls of the last 24 hours that went well.")]
    error: Annotated[int, says("Those that did not.")]
    failures_in_a_row: Annotated[
        int,
        says(
            "Failures since the last success. Over several applications of which one has failed more than 20 times, it"
            " may be more."
        ),
    ]
    last_at: Annotated[datetime | None, says("When the newest call began.")]
    last_good_at: Annotated[datetime | None, says("When the last success ended.")]
    last_error_at: Annotated[datetime | None, says("When the last error ended.")]
    last_error: Annotated[
        LastError | None,
        says("`id`, `status_code`, `error_type` and `text` of the last error; null where its entry is gone."),
    ]
    p50: Annotated[float | None, says("Seconds that half of the newest 50 calls of each application took at most.")]
    p95: Annotated[float | None, says("The same for 95 of 100.")]
    hours: Annotated[list[Hour], says("The last 24 hours, each with `start`, `success` and `error`.")]
    error_docs: Annotated[str | None, says("Where the third party documents its errors.")]
    token_docs: Annotated[str | None, says("Where it documents how it says that a token was revoked.")]


class Integrations(Shape):
    """Those that fail first."""

    items: Annotated[list[Integration], says("At most 200.")]
    left_out: Annotated[int, says("The number of others.")]


class Reader(Shape):
    """Who reads."""

    name: str
    role: str
    permissions: list[str]


class Limit(Shape):
    """Entries of a page."""

    default: int
    max: int


class Meta(Shape):
    """What this log browser is, and what can be asked."""

    title: Annotated[str, says("Of the pages.")]
    version: Annotated[str, says("Of integration-logger.")]
    principal: Annotated[Reader, says("Who reads: `name`, `role`, `permissions`.")]
    csrf: Annotated[
        str | None,
        says("The token for changes; null for readers who change nothing, and while the store cannot be read."),
    ]
    filters: Annotated[list[str], says("The names of all filters.")]
    kinds: Annotated[list[Kind], says("What `kind` takes.")]
    statuses: Annotated[list[Status], says("What `status` takes.")]
    limit: Annotated[Limit, says("Entries of a page: `default` and `max`.")]


class Finding(Shape):
    """Why the logging is not well."""

    level: str
    text: str


class Health(Shape):
    """How the logging does in all processes."""

    status: Annotated[
        str,
        says(
            "`ok`; `degraded`: somebody should look; `failing`: entries were lost within the last 5 minutes, or the"
            " store cannot be read."
        ),
    ]
    findings: Annotated[list[Finding], says("Why it is not `ok`: `level` and `text` of each, the worst first.")]
    totals: Annotated[
        dict[str, Any] | None,
        says(
            "Counts of all processes of the store together, since there is that store; those that have ended are in"
            " them, so that none ever goes down. Null while the store cannot be read."
        ),
    ]
    processes: Annotated[
        list[dict[str, Any]],
        says(
            "Each process that records: `owner`, `host`, `pid`, `started_at`, `heard_at`, `heard` (within the last"
            " minute), and its own counts since it began."
        ),
    ]
    shippers: Annotated[
        list[dict[str, Any]],
        says(
            "Each spool folder, or memory of a process, with who ships it: the same names, what was shipped, and what"
            " waits."
        ),
    ]
    losses: Annotated[list[Loss], says("The newest first: `reason`, `first`, `last`, `entries`.")]
    problems: Annotated[list[dict[str, Any]], says("What is wrong now: `text`, and the `processes` that say so.")]
    store: Annotated[
        dict[str, Any] | None,
        says(
            "`url` without its password, `version`, `entries` (an estimate where counting would be slow), `bytes`,"
            " `oldest`, `newest_seq`. Null while it cannot be read."
        ),
    ]
    store_problem: Annotated[str | None, says("Why the store cannot be read; null where it can.")]
    retention: Annotated[
        dict[str, Any] | None,
        says("The rules: seconds that entries and bodies are kept, and what they match; `max_rows`, `max_bytes`."),
    ]
    this_process: Annotated[dict[str, Any], says("The counts of the process that answers.")]


class Wrong(Shape):
    """What is wrong, and with which parameter."""

    code: str
    message: str
    field: str | None


class Problem(Shape):
    """The answer to what cannot be done."""

    error: Wrong
