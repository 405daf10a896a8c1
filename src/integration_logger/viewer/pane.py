"""What the pane shows of one entry, ready for its template."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

import msgspec
from markupsafe import Markup

from integration_logger import codec
from integration_logger.curl import Curl, curl
from integration_logger.entry import Entry, Message
from integration_logger.redaction.links import may_be_followed
from integration_logger.viewer import words
from integration_logger.viewer.pretty import chips, pretty, reasons_by_name
from integration_logger.viewer.variables import variable_tree
from integration_logger.viewer.waterfall import Waterfall

Link = Callable[[str, str], str]
"""Gives the address of the list with a filter: (field, value)."""


class Fact(msgspec.Struct, frozen=True):
    """One line of the overview."""

    name: str | Markup
    text: str | Markup
    href: str | None = None
    hint: str | None = None
    outside: bool = False


class Figure(msgspec.Struct, frozen=True):
    """One large figure of a run."""

    name: str
    value: str
    more: str = ""


class Half(msgspec.Struct, frozen=True, kw_only=True):
    """The request or the response of an entry."""

    name: str
    file: str
    about: str
    notes: list[str]
    headers: list[tuple[Markup, Markup]]
    no_headers: str
    pretty: Markup | None
    raw: Markup | None
    curl: Curl | None = None


class Pane(msgspec.Struct, frozen=True, kw_only=True):
    """All that the templates of the pane ask for."""

    tab: str
    tabs: list[tuple[str, str]]
    headline: str
    reasons: list[Markup]
    facts: list[Fact]
    figures: list[Figure]
    traceback: Markup | None
    variables: Markup | None
    halves: bool
    hidden: bool
    request: Half | None = None
    response: Half | None = None
    waterfall: Waterfall | None = None
    trace: str = ""
    """The address of everything of the entry's trace."""


def pane(entry: Entry, tab: str, *, detail: bool, base: str, link: Link, waterfall: Waterfall | None = None) -> Pane:
    """Return the pane of an entry and its family; without ``detail`` there is nothing else but the overview."""
    halves = detail and (entry.request is not None or entry.response is not None or entry.url is not None)
    tabs = [("overview", "Overview"), *([("request", "Request"), ("response", "Response")] if halves else [])]
    if waterfall is not None:
        tabs.append(("tree", "Tree"))
    return Pane(
        tab=tab if tab in dict(tabs) else "overview",
        tabs=tabs,
        headline=words.headline(entry),
        reasons=[chips(text) for text in words.reasons(entry)],
        facts=facts(entry, base, link),
        figures=_figures(entry),
        traceback=chips(entry.traceback) if entry.traceback and detail else None,
        variables=_variables(entry) if detail else None,
        halves=halves,
        hidden=not detail,
        request=half(entry, "request", entry.request, base) if halves else None,
        response=half(entry, "response", entry.response, base) if halves else None,
        waterfall=waterfall,
        trace=link("trace_id", entry.trace_id) if entry.trace_id else "",
    )


def half(entry: Entry, name: str, message: Message | None, base: str) -> Half:
    """Return one half of a call, readable."""
    reasons = reasons_by_name(entry.redacted, name)
    raw = None if message is None or message.body is None else codec.body_text(message)
    return Half(
        name=name,
        file=f"{base}api/entries/{entry.id}/{name}",
        about=_about(message) if message else "",
        notes=_notes(entry, message) if message else [],
        headers=[(chips(n), chips(v, reasons.get(n.lower()))) for n, v in message.headers] if message else [],
        no_headers=_no_headers(entry, name, message),
        pretty=pretty(raw, message.content_type, reasons) if raw and message else None,
        raw=None if raw is None else chips(raw),
        curl=curl(entry) if name == "request" and entry.kind != "call" else None,
    )


def _no_headers(entry: Entry, name: str, message: Message | None) -> str:
    if entry.kind == "call":
        return "A call that is not HTTP has none."
    if message is not None:
        return "None were kept."
    if entry.status == "processing":
        return "Headers and body are shown when the call has ended."
    if entry.error_type == "abandoned":
        return "None were kept: they are stored when a call ends, and the end of this one was not seen."
    return "There was no answer." if name == "response" else "None were kept."


def _about(message: Message) -> str:
    if not message.size and not message.body and not message.omitted:
        return "empty"
    parts = [words.size(message.size)]
    if message.decoded_size is not None and message.decoded_size != message.size:
        parts.append(f"{words.size(message.decoded_size)} decoded")
    parts += [text for text in (message.content_encoding, message.content_type) if text]
    return " · ".join(parts)


def _notes(entry: Entry, message: Message) -> list[str]:
    if entry.bodies_expire_at is not None and message.size and not message.raw_headers and message.body is None:
        return [words.EXPIRED]
    notes = []
    if message.omitted:
        notes.append(words.OMITTED[message.omitted])
    if message.truncated:
        whole = message.decoded_size or message.size
        notes.append(f"Only the first {words.size(len(message.body or b''))} of {words.size(whole)} were kept.")
    return notes


def _variables(entry: Entry) -> Markup | None:
    if entry.variables is None:
        return None
    return variable_tree(entry.variables, reasons_by_name(entry.redacted, "variables"))


_FILTERABLE = (
    ("Route", "route"), ("Integration", "integration"), ("Operation", "operation"), ("Type", "log_type"),
    ("Tenant", "tenant"), ("Application", "application"), ("User", "user_id"), ("Failure", "error_type"),
)  # fmt: skip
_PLAIN = (("Client", "client_ip"), ("Server", "server_host"), ("HTTP version", "http_version"))


def facts(entry: Entry, base: str, link: Link) -> list[Fact]:
    """Return the lines of the overview; values that can be filtered by lead to their like."""
    found = _timing(entry) + _run(entry, base)
    if entry.url:
        found.append(Fact("Address", chips(entry.url)))
    found += [
        Fact(title, chips(value), link(field, value), "Show its like")
        for title, field in _FILTERABLE
        if (value := getattr(entry, field))
    ]
    found += [Fact(title, chips(value)) for title, field in _PLAIN if (value := getattr(entry, field))]
    found += _labels(entry, link) + _links(entry, base, link)
    return found


def _timing(entry: Entry) -> list[Fact]:
    found = []
    if entry.duration is not None:
        first = f", first byte after {words.span(entry.first_byte)}" if entry.first_byte is not None else ""
        found.append(Fact("Took", f"{words.span(entry.duration)}{first}"))
    if entry.phase:
        found.append(Fact("Broke", _PHASES.get(entry.phase) or chips(entry.phase)))
    return found


_PHASES = {
    "connect": "connecting",
    "send": "during the request",
    "wait": "before the answer began",
    "receive": "during the answer",
}


def _figures(entry: Entry) -> list[Figure]:
    """Return what a run told of itself, for the top of the pane."""
    run = entry.run
    if run is None:
        return []
    found = []
    if run.row_count is not None:
        raw = "" if run.raw_row_count is None else f"{run.raw_row_count:,} raw"
        found.append(Figure("Rows", f"{run.row_count:,}", raw))
    if run.execution_seconds is not None:
        setup = "" if run.setup_seconds is None else f"and {words.span(run.setup_seconds)} of set-up"
        found.append(Figure("Execution", words.span(run.execution_seconds), setup))
    if run.mb_estimate is not None:
        found.append(Figure("Volume", f"{run.mb_estimate:,.3g} MB"))
    return found


_RUN = (
    ("From savepoint", "initial_savepoint"), ("New savepoint", "new_savepoint"),
    ("Deltas", "has_deltas"), ("Billable", "is_billable"), ("External address", "external_ip"),
)  # fmt: skip


def _run(entry: Entry, base: str) -> list[Fact]:
    if entry.run is None:
        return []
    job = [("label.job_id", entry.run.job_id)] if entry.run.job_id else [("operation", entry.operation or "")]
    found = (
        [Fact("Job", chips(entry.run.job_name), f"{base}runs?{urlencode(job)}", "Its runs")]
        if entry.run.job_name
        else []
    )
    return found + [
        Fact(title, chips(words.written(value)))
        for title, name in _RUN
        if (value := getattr(entry.run, name)) is not None
    ]


def _labels(entry: Entry, link: Link) -> list[Fact]:
    found = []
    for name, value in entry.labels.items():
        if name == "source_url":
            continue
        for text in [value] if isinstance(value, str) else value:
            if name == "source_name" and _leads_somewhere(address := entry.labels.get("source_url")):
                found.append(Fact("Source", chips(text), str(address), "Go to where it came from", outside=True))
            else:
                found.append(Fact(chips(_title(name)), chips(text), link(f"label.{name}", text), "Show its like"))
    if "source_name" not in entry.labels and _leads_somewhere(address := entry.labels.get("source_url")):
        found.append(Fact("Source", str(address), str(address), "Go to where it came from", outside=True))
    return found


def _title(label: str) -> str:
    return label.replace("_", " ").capitalize() if label.isidentifier() and label.islower() else label


def _leads_somewhere(address: object) -> bool:
    # entries of another writer may hold anything; a path is one of the host itself, not one below the log browser
    return may_be_followed(address) and str(address).startswith(("/", "http:", "https:", "HTTP:", "HTTPS:"))


def _links(entry: Entry, base: str, link: Link) -> list[Fact]:
    found = []
    if entry.parent_id:
        found.append(Fact("Made in", entry.parent_id, f"{base}entries/{quote(entry.parent_id)}", "The entry around it"))
    if entry.attempt > 1:
        found.append(Fact("Attempt", str(entry.attempt)))
    if entry.transaction_id != entry.id or entry.attempt > 1:
        same = link("transaction_id", entry.transaction_id)
        found.append(Fact("Attempts", entry.transaction_id, same, "All attempts of this call"))
    if entry.trace_id:
        found.append(Fact("Trace", entry.trace_id, link("trace_id", entry.trace_id), "Everything of this trace"))
    return [*found, Fact("Id", entry.id)]
