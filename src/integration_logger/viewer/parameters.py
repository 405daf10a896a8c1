"""The parameters of the routes, each with what it is for and with the value that it is checked by."""

from __future__ import annotations

from typing import Any, Final

from integration_logger.filters import FIELDS, FILTERS, TEXT, field_kind
from integration_logger.query import LABEL, SINGLE
from integration_logger.values import Value, one_of, shaped, text
from integration_logger.viewer.figures import BUCKET
from integration_logger.viewer.figures import FIELD as COUNTED
from integration_logger.viewer.openapi import TEXT as PLAIN
from integration_logger.viewer.openapi import Parameter
from integration_logger.viewer.params import RANGES, TABS

_TRUTH: Final = one_of(["true", "false"])
LABEL_NAME: Final = rf"^(?:not\.)?{LABEL}$"
"""The names of filters for labels."""


def _one(name: str, value: Value, about: str, **more: Any) -> Parameter:
    return Parameter(name=name, value=value, about=about, **more)


ID: Final = _one("id", text(1000), "Of the entry.", place="path", required=True)
FORMAT: Final = _one("format", one_of(["csv", "ndjson", "har"]), "Of the file.", place="path", required=True)
CURSOR: Final = _one(
    "cursor", SINGLE["cursor"], "A `seq`: the list goes on below it, or above it with `order=asc`. None by default."
)
ORDER: Final = _one("order", SINGLE["order"], "The newest first, or the oldest. `desc` by default.")
LIMIT: Final = _one("limit", SINGLE["limit"], "Entries of a page; 50 by default.")
PAGE: Final = (LIMIT, CURSOR, ORDER)
RANGE: Final = _one("range", one_of(RANGES), "Back from now, instead of `since`. `24h` by default.")
ENTRY: Final = _one("entry", text(1000), "The `id` of the entry that the pane shows.")
TAB: Final = _one("tab", one_of(TABS), "What of the entry is shown.")
WHOSE: Final = (
    _one("tenant", TEXT, "Only this tenant's.", repeated=True),
    _one("integration", TEXT, "Only this integration.", repeated=True),
)
FIELD: Final = _one(
    "field",
    COUNTED,
    "The filter whose values are counted, such as `status_code` or `label.environment`; at most 20.",
    required=True,
    repeated=True,
)
STRETCH: Final = _one("bucket", BUCKET, "The length of a stretch of time. By default the range decides.")
HEALTH_FORMAT: Final = _one(
    "format", one_of(["json", "prometheus"]), "By default as `Accept` says: `text/plain`, and not JSON, is Prometheus."
)
LAST_EVENT_ID: Final = _one(
    "Last-Event-ID",
    shaped("^[0-9]{0,18}$", "the id of an event"),
    "Everything above it comes first, as with `cursor`. A browser's `EventSource` sends it by itself.",
    place="header",
)
OF_CSV: Final = (
    _one(
        "columns",
        text(10_000),
        "Of CSV: `standard` (the default), `all`, `rook`, or at most 200 names of columns, divided by commas.",
    ),
    _one("bom", _TRUTH, "Of CSV: begin with a mark by which Excel knows UTF-8. `false` by default."),
    _one("last_line", _TRUTH, "Of CSV: end with a line `# complete: … entries`. `false` by default."),
)

FINDS: Final[dict[str, str]] = {
    "kind": "Entries of that kind. `audit` is found only by name, by readers with that permission.",
    "status": "Entries in that state.",
    "outcome": "What went well, or did not.",
    "has_errors": "Failed, or with errors that did not stop the call.",
    "status_code": "A code, a class of codes, or no answer.",
    "min_duration": "At least so long.",
    "max_duration": "At most so long.",
    "method": "Exactly this method.",
    "tenant": "Entries of this tenant; a name outside of what the reader may see: 403.",
    "application": "The same for applications.",
    "integration": "Calls with this third party.",
    "operation": "What was asked for.",
    "log_type": "The host's own word.",
    "user_id": "Entries of this end user.",
    "host": "The host that was asked.",
    "route": "The template, such as `/orders/{id}`.",
    "error_type": "Such as `http_5xx`, `exception`, `disconnect`.",
    "parent_id": "What happened within the entry of this id.",
    "transaction_id": "All attempts of one logical call.",
    "trace_id": "Everything of one trace.",
}
"""What each filter is for."""
WORDS: Final = _one("q", text(100_000), "The text of the search box.", repeated=True)
TIMES: Final = (
    _one("since", SINGLE["since"], "Entries that began then or later; without a zone it is UTC."),
    _one("till", SINGLE["till"], "Entries that began before."),
)


def filters() -> list[Parameter]:
    """Return every filter but those for labels, which have names of their own."""
    found = []
    for name in FILTERS:
        value = FIELDS[field_kind(name)].value
        found.append(_one(name, value, FINDS[name], repeated=True))
        found.append(_one(f"not.{name}", value, f"Leaves out what `{name}` would find.", repeated=True))
    return [*found, WORDS, *TIMES]


# --- in the body of a request ---------------------------------------------------------------------------


def _in_body(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a filter as it stands in a body: one value, or a list of them."""
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


CONFIRMED: Final[dict[str, Any]] = {"type": "object", "properties": {"q": PLAIN, "confirm": PLAIN}}
"""What the page that erases is sent."""
DRY: Final[dict[str, Any]] = {
    "type": "object", "properties": {"dry_run": {"type": "boolean"}}, "additionalProperties": False,
}  # fmt: skip
"""What a purge is asked with."""
CHOSEN: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "dry_run": {"type": "boolean"},
        "q": PLAIN,
        **{name: SINGLE[name].schema for name in ("since", "till")},
        **{
            f"{prefix}{name}": _in_body(FIELDS[field_kind(name)].value.schema)
            for name in FILTERS
            for prefix in ("", "not.")
        },
    },
    "patternProperties": {LABEL_NAME: _in_body(TEXT.schema)},
    "additionalProperties": False,
}
"""What an erasure is asked with."""
