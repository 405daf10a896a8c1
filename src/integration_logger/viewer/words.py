"""What happened, in words: the sentence that the pane begins with, and short texts for the list."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from integration_logger.codec import body_text, to_json
from integration_logger.entry import Entry

KIND_WORDS = {
    "inbound": "Received", "outbound": "Sent", "call": "Call", "script": "Script", "run": "Run", "audit": "Audit",
}  # fmt: skip


OMITTED = {
    "unread": "The body was not read by the receiver, so none was seen.",
    "binary": "The body is binary and was not kept.",
    "unparseable": "The body could not be read safely, so it was masked whole.",
    "limit": "The body was longer than the limit and was not kept.",
    "off": "Bodies are not kept for this route.",
}
"""Why there is no body although one passed."""
EXPIRED = "Headers and body have expired and were deleted."


def headline(entry: Entry) -> str:
    """Say in one sentence what happened; what went wrong and where comes first."""
    if entry.status == "processing":
        return "Still open: it has begun and not ended."
    if entry.status == "completed":
        return _success(entry)
    sentence = _FAILURES.get(entry.error_type or "", _other_failure)(entry)
    return f"{sentence} (attempt {entry.attempt})" if entry.attempt > 1 else sentence


def _success(entry: Entry) -> str:
    said = f"{_partner(entry)} answered {_code(entry)}" if entry.status_code is not None else "Completed"
    if entry.kind == "run":
        said = f"The run completed{_rows(entry)}"
    if not entry.has_errors or (entry.kind == "run" and not entry.errors):
        return f"{said}."
    errors = "an error" if len(entry.errors) <= 1 else f"{len(entry.errors)} errors"
    return f"{said}, and reported {errors} that did not stop the {_noun(entry)}."


def _noun(entry: Entry) -> str:
    return entry.kind if entry.kind in ("run", "script") else "call"


def _rows(entry: Entry) -> str:
    count = entry.run.row_count if entry.run else None
    return "" if count is None else f" with {count:,} {'row' if count == 1 else 'rows'}"


def _partner(entry: Entry) -> str:
    """Name who gave the answer: us for what came in, the other side for what went out."""
    return "We" if entry.kind == "inbound" else _other_side(entry)


def _other_side(entry: Entry) -> str:
    return visible(entry.host or entry.integration or entry.operation or "The other side")


def _code(entry: Entry) -> str:
    return f"{entry.status_code} {entry.status_label}"


def _answered(entry: Entry) -> str:
    return f"{_partner(entry)} answered {_code(entry)}."


def _no_answer(why: str) -> str:
    return f"No answer: {why}."


def _timeout(entry: Entry) -> str:
    doing = {
        "connect": "while connecting to", "send": "while sending to",
        "wait": "while waiting for", "receive": "while receiving from",
    }.get(entry.phase or "", "for")  # fmt: skip
    if entry.status_code is not None:
        return f"{_partner(entry)} answered {_code(entry)}, then time ran out {doing} {_other_side(entry)}."
    return _no_answer(f"time ran out {doing} {_other_side(entry)}")


def _exception(entry: Entry) -> str:
    what = first_line(entry.errors[0]) if entry.errors else "an exception"
    if entry.status_code is not None and entry.response is not None and entry.status_code < 500:
        return f"{_partner(entry)} answered {_code(entry)}, then it broke: {what}"
    return f"It broke: {what}"


def _protocol(entry: Entry) -> str:
    if entry.status_code is not None:
        return f"{_partner(entry)} answered {_code(entry)}, but not in full."
    if entry.kind == "inbound":
        return _no_answer("the application gave none")
    return _no_answer(f"{_other_side(entry)} broke the connection or the protocol")


def _disconnect(entry: Entry) -> str:
    return "The client left before the answer was complete."


def _how_far(entry: Entry) -> str:
    if rows := _rows(entry):
        return f"It was last heard of{rows}."
    return "How far it got is not known."


def _other_failure(entry: Entry) -> str:
    if entry.kind == "run":
        return "The run failed."
    return _answered(entry) if entry.status_code is not None else "It failed."


_FAILURES: Final[dict[str, Callable[[Entry], str]]] = {
    "http_4xx": _answered,
    "http_5xx": _answered,
    "dns": lambda e: _no_answer(f"the name {_other_side(e)} could not be resolved"),
    "connect": lambda e: _no_answer(f"{_other_side(e)} could not be reached"),
    "tls": lambda e: _no_answer(f"no secure connection to {_other_side(e)}"),
    "timeout": _timeout,
    "protocol": _protocol,
    "cancelled": lambda e: "It was cancelled before it ended.",
    "disconnect": _disconnect,
    "exception": _exception,
    "validation": lambda e: f"{_partner(e)} found the data not valid.",
    "answer": lambda e: f"{_partner(e)} answered {_code(e)}, and said that it went wrong.",
    "auth": lambda e: f"{_other_side(e)} refused the credentials.",
    "abandoned": lambda e: f"Abandoned: the process went away before the {_noun(e)} ended. {_how_far(e)}",
    "script": lambda e: f"The script failed: {first_line(e.errors[0])}" if e.errors else "The script failed.",
}


def reasons(entry: Entry) -> list[str]:
    """Return what the parties said about a failure: error texts, or the message in the body of the answer."""
    if entry.errors:
        said = headline(entry)
        return [text for text in entry.errors if first_line(text) not in said or "\n" in text.strip()]
    message = _message_of_body(entry) if entry.outcome == "error" else None
    return [message] if message else []


_MESSAGE_KEYS = ("message", "error_description", "detail", "error", "errorMessage", "title", "reason", "msg")


def _message_of_body(entry: Entry) -> str | None:
    """Find the sentence that an answer gives for its refusal; None where there is none."""
    if entry.response is None or not entry.response.body or len(entry.response.body) > 65_536:
        return None
    try:
        data = msgspec.json.decode(body_text(entry.response))
    except (msgspec.DecodeError, RecursionError):
        return None
    return _message_in(data, depth=4)


def _message_in(data: object, depth: int) -> str | None:
    if isinstance(data, str):
        return first_line(data) or None
    if isinstance(data, list) and data and depth:
        return _message_in(data[0], depth - 1)
    if isinstance(data, dict) and depth:
        found = (_message_in(data[key], depth - 1) for key in _MESSAGE_KEYS if key in data)
        return next((text for text in found if text), None)
    return None


def first_line(text: str, limit: int = 300) -> str:
    """Return the first line of a text, cut to a length that a heading bears."""
    line = visible(text.strip().partition("\n")[0].strip())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def written(value: object) -> str:
    """Write plain data of any kind in one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else to_json(value).decode()


class Target(msgspec.Struct, frozen=True):
    """What a call was made to, in parts: a faint beginning, and a text that is cut in its middle if it must be."""

    host: str
    head: str
    tail: str


TAIL = 18
"""Characters of a path that stay readable at its end; the changing part is usually there."""


def target(entry: Entry) -> Target:
    """Return what the line of an entry shows as its target."""
    if entry.url is None:
        job = entry.run.job_name if entry.run else None
        return _split("", visible(entry.operation or job or entry.host or entry.route or entry.kind))
    host, path = split_url(entry.url)
    return _split(visible(host) if entry.kind != "inbound" else "", visible(path))


def plain_target(entry: Entry) -> str:
    """Return the target as one text."""
    to = target(entry)
    return to.host + to.head + to.tail


_WEB_URL = re.compile(r"https?://(?:[^/?#]*@)?([^/?#]*)([^#]*)", re.IGNORECASE)


def split_url(url: str) -> tuple[str, str]:
    """Split a URL into its host and its path with the query; what is not a URL of the web is all path."""
    match = _WEB_URL.match(url)
    return (match[1], match[2] or "/") if match else ("", url)


def _split(host: str, text: str) -> Target:
    cut = max(0, len(text) - TAIL)
    return Target(host, text[:cut], text[cut:])


UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Signs that are not seen, or that change how others are: escape sequences, and those that turn the direction."""


def visible(text: str) -> str:
    """Return a text of one line in which nothing hides."""
    text = text.replace("\n", "\u21b5").replace("\t", " ")
    return UNSEEN.sub(lambda match: name_of_unseen(match[0]), text)


def name_of_unseen(character: str) -> str:
    """Name a sign that cannot be seen by its number."""
    return f"\u2039U+{ord(character):04X}\u203a"


def span(seconds: float | None) -> str:
    """Write a duration: ``0.4 ms``, ``412 ms``, ``1.24 s``, ``2 m 05 s``."""
    if seconds is None:
        return ""
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} m"


def age(moment: datetime, now: datetime) -> str:
    """Write how long ago a moment was, in one unit: ``3 s``, ``5 m``, ``2 h``, ``4 d``."""
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s" if seconds else "now"


def days(period: timedelta) -> str:
    """Write a long period: ``30 days``, ``12 hours``."""
    hours = round(period.total_seconds() / 3600)
    count, unit = (hours // 24, "day") if hours >= 48 else (hours, "hour")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def size(count: int | None) -> str:
    """Write a number of bytes: ``0 B``, ``1.4 kB``, ``2.1 MB``."""
    value, unit = float(count or 0), 0
    while value >= 1000 and unit < 4:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} B" if unit == 0 else f"{value:.1f} {'kMGT'[unit - 1]}B"
