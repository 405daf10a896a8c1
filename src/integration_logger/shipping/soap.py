"""Faults of SOAP 1.1 and 1.2, found without building a document and without following any entity."""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

_ENVELOPES: Final = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
_SAYS: Final = ("faultstring", "Text")
"""The element that holds the sentence: that of 1.1 has no namespace."""
_NOTHING_SAID: Final = "SOAP fault"
MAX_TEXT: Final = 1000


class _Done(Exception):
    pass


def fault(body: bytes) -> str | None:
    """Return what the fault in a body says; None where the first element in the SOAP body is none."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(body, True)
    except _Done:
        pass
    except (expat.ExpatError, ValueError):
        if not reader.is_fault:
            return None
    return (reader.text.strip()[:MAX_TEXT] or _NOTHING_SAID) if reader.is_fault else None


class _Reader:
    """Follows the elements as far as the fault, and no further."""

    def __init__(self) -> None:
        self.is_fault = False
        self.text = ""
        self._depth = 0
        self._namespace = ""
        self._in_body = False
        self._speaks = False

    def refuse(self, *_: object) -> None:
        raise _Done  # SOAP has no document types (1.1, 3; 1.2, 5)

    def start(self, name: str, _: object) -> None:
        self._depth += 1
        namespace, _, local = name.rpartition(" ")
        if self._depth == 1:
            if local != "Envelope" or namespace not in _ENVELOPES:
                raise _Done
            self._namespace = namespace
        elif self._depth == 2:
            self._in_body = (namespace, local) == (self._namespace, "Body")
        elif self._depth == 3 and self._in_body:
            if (namespace, local) != (self._namespace, "Fault"):
                raise _Done
            self.is_fault = True
        elif self.is_fault:
            self._speaks = local in _SAYS and namespace in ("", self._namespace)

    def end(self, _: str) -> None:
        self._depth -= 1
        if self._speaks or (self.is_fault and self._depth < 3):
            raise _Done

    def characters(self, text: str) -> None:
        if self._speaks and len(self.text) < MAX_TEXT:
            self.text += text
