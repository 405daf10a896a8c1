"""The shell command that repeats a captured request, safe to paste into bash.

What was captured becomes quoted text and nothing else: no expansion, no file read by a leading ``@``, no
option, no second command. Masked values are left to shell variables named after what they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from integration_logger.entry import Entry, Message

MASK = "[REDACTED]"

_LONGEST_ARGUMENT = 100_000  # bytes; Linux takes 128 KiB as one argument
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OF_THE_CONNECTION = frozenset((
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
))  # fmt: skip
"""Headers that curl makes itself; a copy would contradict the new request."""


class Curl(msgspec.Struct, frozen=True):
    """A command, and what to know before running it."""

    text: str | None
    """None where there is no HTTP request to repeat."""
    notes: tuple[str, ...] = ()


def curl(entry: Entry) -> Curl:
    """Return the command that sends the captured request once more, byte for byte as far as it was kept."""
    if entry.url is None or not re.match(r"https?://", entry.url, re.IGNORECASE):
        return Curl(None, ("There is no HTTP request to repeat.",))
    if not _TOKEN.fullmatch(entry.method or "GET"):
        return Curl(None, ("Its method is not one that HTTP knows, so the request is not repeated.",))
    return _Command(entry.url, entry.method or "GET", entry.request or Message()).curl()


class _Command:
    """Collects the parts of one command."""

    def __init__(self, url: str, method: str, message: Message) -> None:
        self.url = re.sub(r"[\x00-\x20\x7f]", lambda match: f"%{ord(match[0]):02X}", url)
        self.method = method
        self.message = message
        self.variables: list[str] = []
        self.notes: list[str] = []

    def curl(self) -> Curl:
        before, body = self._body()
        parts = [self._first(has_body=bool(body)), *self._headers(), *body]
        if self.variables:
            names = ", ".join(f"${name}" for name in self.variables)
            self.notes.insert(0, f"Masked values are left to you: set {names} first.")
        return Curl(before + " \\\n  ".join(parts), tuple(dict.fromkeys(self.notes)))

    def _first(self, *, has_body: bool) -> str:
        # curl gives [] and {} in an address a meaning of their own.
        globbing = " --globoff" if re.search(r"[\[\]{}]", self.url) else ""
        return f"curl{self._verb(has_body=has_body)}{globbing} {self._quoted(self.url, _name_in_url)}"

    def _verb(self, *, has_body: bool) -> str:
        if not has_body and self.method in ("GET", "HEAD"):
            return " --head" if self.method == "HEAD" else ""
        return f" -X {self.method if self.method.isalpha() else quote(self.method)}"

    def _headers(self) -> Iterator[str]:
        for name, value in self.message.headers:
            yield from self._header(name, value)
        if self.message.body and "content-type" not in {name.lower() for name, _ in self.message.headers}:
            yield "-H 'Content-Type:'"  # or curl would call the body a form

    def _header(self, name: str, value: str) -> Iterator[str]:
        lowered = name.lower()
        if lowered == "host" and value.lower() == _host(self.url):
            return
        if name.startswith(":") or (lowered in _OF_THE_CONNECTION and lowered != "host"):
            return
        if not _TOKEN.fullmatch(name) or re.search(r"[\r\n\0]", value):
            self.notes.append("A header that HTTP does not allow was left out.")
        elif lowered == "accept-encoding":
            yield "--compressed"
        elif lowered == "content-encoding" and self.message.body is not None:
            self.notes.append(f"The body is sent decoded, not as {value}.")
        elif not value:
            yield f"-H {quote(f'{name};')}"
        else:
            yield f"-H {self._quoted(f'{name}: {value}', _name_in_header, encoding='latin-1')}"

    def _body(self) -> tuple[str, list[str]]:
        """Return what stands before the command, and its last options."""
        message = self.message
        if message.omitted:
            self.notes.append(f"The body was not kept ({message.omitted}). Add it with --data-binary @FILE.")
        if not message.body:
            return "", []
        if message.truncated:
            self.notes.append("Only the beginning of the body was kept, so what is sent is cut.")
        if MASK.encode() in message.body:
            self.notes.append(f"The body has masked values: put the real ones in the place of each {MASK}.")
        text = _as_argument(message.body)
        if text is None:
            return f"printf -- {_as_printf_format(message.body)} |\n", ["--data-binary @-"]
        return "", [f"--data-raw {quote(text)}"]

    def _quoted(self, text: str, name: Callable[[str], str], encoding: str = "utf-8") -> str:
        """Quote a text, a variable in the place of each mask."""
        pieces = text.split(MASK)
        quoted = quote(pieces[0], encoding)
        for index, piece in enumerate(pieces[1:], 1):
            variable = self._variable(name(MASK.join(pieces[:index])))
            quoted += f'"${variable}"' + (quote(piece, encoding) if piece else "")
        return quoted

    def _variable(self, wanted: str) -> str:
        # The prefix keeps a hostile request from naming a variable that the reader's shell really has.
        base = "MASKED_" + (re.sub(r"[^A-Za-z0-9]+", "_", wanted).strip("_").upper() or "VALUE")
        name, count = base, 1
        while name in self.variables:
            count += 1
            name = f"{base}_{count}"
        self.variables.append(name)
        return name


def _name_in_header(before: str) -> str:
    pair = re.search(r"([\w-]+)=$", before)
    return pair[1] if pair else before.partition(":")[0]


def _name_in_url(before: str) -> str:
    pair = re.search(r"[?&;]([^=&?;]+)=$", before)
    if pair:
        return pair[1][:40]
    return "password" if re.search(r"://[^/?#]*:$", before) else "value"


def _host(url: str) -> str:
    return re.sub(r"^https?://([^/?#]*@)?", "", url, flags=re.IGNORECASE).partition("/")[0].partition("?")[0].lower()


def quote(text: str, encoding: str = "utf-8") -> str:
    """Return a word of bash that stands for exactly the bytes of the text, and expands nothing."""
    if all(_is_plain(character, encoding) for character in text):
        return "'" + text.replace("'", "'\\''") + "'"
    return "$'" + "".join(_escaped(character, encoding) for character in text) + "'"


def _is_plain(character: str, encoding: str) -> bool:
    # Signs that a terminal would act upon or not show are written as escapes, so that what is read is what runs.
    return character == "\n" or (character.isprintable() and (character.isascii() or encoding == "utf-8"))


def _escaped(character: str, encoding: str) -> str:
    if character in "\\'!" or not _is_plain(character, encoding) or character == "\n":
        return "".join(f"\\{byte:03o}" for byte in character.encode(encoding, "replace"))
    return character


def _as_argument(body: bytes) -> str | None:
    """Return a body that fits an argument of a command, or None: no NUL, UTF-8, and not too long."""
    if b"\0" in body or len(body) > _LONGEST_ARGUMENT:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _as_printf_format(body: bytes) -> str:
    return "'" + "".join(_PRINTF[byte] for byte in body) + "'"


def _printf_byte(byte: int) -> str:
    if byte in b"\\'" or not 32 <= byte < 127:
        return f"\\{byte:03o}"
    return "%%" if byte == 0x25 else chr(byte)


_PRINTF = [_printf_byte(byte) for byte in range(256)]
