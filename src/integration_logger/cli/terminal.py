"""What the command line prints: rows and whole entries, with everything captured made harmless for a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from integration_logger import codec
from integration_logger.entry import Entry, Message
from integration_logger.stores.base import Purged

WIDTH = 64
"""Columns for the address of a call in a row."""

# C0 and C1 controls move the cursor and rewrite the screen; the others reverse or break the line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_BUT_BLANKS = re.compile(_CONTROL.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))

_ARROWS = {"inbound": "↓", "outbound": "↑"}
_COLOURS = {1: "cyan", 2: "green", 3: "cyan", 4: "yellow", 5: "red"}


def line(text: str) -> str:
    """Return captured text as one line that a terminal shows and does not obey."""
    return _CONTROL.sub(_escaped, text)


def block(text: str) -> str:
    """Return captured text of several lines, as harmless as ``line``."""
    return _CONTROL_BUT_BLANKS.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def json_text(data: dict[str, Any]) -> str:
    """Return JSON that reads back to the same data and holds nothing that a terminal obeys."""
    text = msgspec.json.format(codec.to_json(data), indent=2).decode()
    return _CONTROL.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)


def row(entry: Entry) -> str:
    """Return an entry as one line: when, status, direction, what, third party, how long, id."""
    address = shorten(entry.url or entry.operation or entry.route or "", WIDTH)
    return "  ".join(
        (
            click.style(f"{entry.started_at.astimezone():%H:%M:%S}", dim=True),
            status(entry),
            f"{_ARROWS.get(entry.kind, entry.kind)} {line(entry.method or ''):<6}",
            f"{line(address):<{WIDTH}}",
            f"{line(entry.integration or ''):<12}",
            f"{seconds(entry.duration):>8}",
            click.style(entry.id, dim=True),
        )
    )


def status(entry: Entry) -> str:
    """Return the mark and status code of an entry, in the colour of its class."""
    code = entry.status_code
    failed = entry.status == "failed"
    mark = "✗" if failed else "…" if entry.status == "processing" else "!" if entry.has_errors else "✓"
    colour = "red" if failed and code is None else _COLOURS.get((code or 0) // 100, "yellow" if mark == "!" else None)
    return click.style(f"{mark} {code or '—':<3}", fg=colour, bold=failed or None)


def seconds(duration: float | None) -> str:
    """Return a duration in milliseconds or seconds."""
    if duration is None:
        return ""
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.2f} s"


def size(count: float) -> str:
    """Return a number of bytes in the unit that reads best."""
    if count < 1024:
        return f"{count:.0f} bytes"
    for unit in ("KiB", "MiB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:,.1f} GiB"


def purged(report: Purged, *, bounded: bool, dry_run: bool) -> str:
    """Return what a purge took away, or would, and the space before and after."""
    expired = report.entries - report.excess
    of_which = f" ({expired:,} expired, {report.excess:,} beyond the bounds)" if bounded else ""
    before, after = size(report.bytes_before), size(report.bytes_after)
    end = f"would be deleted; the store has {before}" if dry_run else f"deleted; the store had {before}, it has {after}"
    return f"{report.entries:,} entries{of_which} and {report.bodies:,} bodies {end}"


def shorten(text: str, width: int) -> str:
    """Return the text with its middle left out where it is too long: beginning and end tell most."""
    if len(text) <= width:
        return text
    end = width // 2
    return f"{text[: width - end - 1]}…{text[-end:]}"


def whole(entry: Entry) -> Iterator[str]:
    """Yield the lines that show an entry: what went wrong first, then the facts, then request and response."""
    title = " ".join(part for part in (entry.method, entry.url or entry.operation) if part)
    yield click.style(line(title or entry.kind), bold=True)
    yield f"{status(entry)} {entry.status_label}  {seconds(entry.duration)}  {entry.started_at.astimezone():%c %Z}"
    yield from (click.style(line(text), fg="red") for text in entry.errors)
    yield ""
    yield from (f"{click.style(f'{name:<15}', dim=True)} {line(text)}" for name, text in _facts(entry))
    yield from _message("Request", entry.request)
    yield from _message("Response", entry.response)
    for heading, text in (("Traceback", entry.traceback), ("Variables", _as_json(entry.variables))):
        if text:
            yield from ("", click.style(heading, bold=True), block(text))


_FACTS = (
    "id", "kind", "tenant", "application", "integration", "operation", "log_type", "user_id", "route", "error_type",
    "phase", "client_ip", "server_host", "trace_id", "parent_id", "attempt",
)  # fmt: skip


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    for name in _FACTS:
        if (value := getattr(entry, name)) is not None:
            yield name, str(value)
    for name, label in entry.labels.items():
        yield name, label if isinstance(label, str) else ", ".join(label)
    for name, value in (codec.to_dict(entry)["run"] or {}).items():
        if value is not None:
            yield name, str(value)
    if entry.redacted:
        yield "redacted", ", ".join(entry.redacted)


def _message(heading: str, message: Message | None) -> Iterator[str]:
    if message is None:
        return
    kept = f", {message.omitted}" if message.omitted else ", cut" if message.truncated else ""
    yield from ("", click.style(heading, bold=True) + click.style(f"  {size(message.size)}{kept}", dim=True))
    yield from (f"{click.style(line(name), dim=True)}: {line(value)}" for name, value in message.headers)
    if message.body:
        yield from ("", block(pretty(codec.body_text(message))))


def pretty(text: str) -> str:
    """Return JSON indented, and all other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False) if text[:1] in "{[" else text
    except (ValueError, RecursionError):
        return text


def _as_json(value: Any) -> str | None:
    return None if value is None else pretty(codec.to_json(value).decode())
