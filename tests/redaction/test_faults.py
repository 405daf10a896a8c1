"""Whichever function of redaction fails: nothing raw gets out, the host sees no exception, and it is counted."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from integration_logger import redaction
from integration_logger.capture import Capture
from integration_logger.entry import Entry, Message
from integration_logger.recorder import Recorder
from integration_logger.redaction import Redactor, bodies, databases
from integration_logger.redaction.names import Names
from integration_logger.redaction.search import Search
from integration_logger.redaction.values import SHAPES
from tests.factories import make_entry
from tests.redaction.canaries import CANARIES, Canary

MODULES = [
    importlib.import_module(f"{redaction.__name__}.{module.name}")
    for module in pkgutil.iter_modules(redaction.__path__)
]
KINDS = ("password", "card", "credential")
SECRETS = [canary for canary in CANARIES if canary.secret.kind in KINDS]
AWAY = {
    "scan.Scanner.prepare", "scan.Scanner._compile", "scan.Scanner._meanwhile", "redactor.Redactor.prepare",
    "rules.Rules.prepare", "databases.Databases.__init__", "databases._compile", "databases._main_patterns",
    "names.scan_patterns", "names._stem",
}  # fmt: skip
"""What compiles, in a thread of its own."""
BOUND = {
    "values.is_card",
    "values.is_basic",
    "values.is_credential",
    "values.is_iban",
    "names._is_alone",
    "values._key",
    "values._scheme",
    "bodies._is_plain",
    "redactor._as_shown",
}
"""When the module is imported, so that nothing takes their place; for the first three there is a test of its own."""
MORE = (
    (b'{"a": [{"b": 1}, {"c": "\\u0070in"}], "a": {"b": "x"}}', "application/json"),
    (b'{"a": NaN, "pin": 1}', "application/json"),
    (b'{"a": "' + b"\\u0041" * 20 + b'", "token": "x', "application/json"),
    (b"<Tax>1</Tax> 4111 1111 1111 1111 GB82WEST12345698765432", "text/xml"),
    (b"d=%5B&" + b"%25" * 12 + b"password", "application/x-www-form-urlencoded"),
    (b'{"a": "b", "value": "x", "typ', "application/json"),
    (
        b'{"properties": {"password": {"type": "string"}}, "grant_type": "authorization_code", "code": "x"}',
        "application/json",
    ),
    (b"id,password\n1,x\n", "text/csv"),
    (b"eyJwaW4iOiJodW50ZXIyIn0=", "text/plain"),
    (b"<entry><string>pin</string><string>1</string></entry>", "text/xml"),
    (b"[SQL: INSERT INTO a (pin) VALUES (?)]\n[parameters: ('x',)]", "text/plain"),
    (b"[SQL: UPDATE a SET pin=?]\n[parameters: ('x',)]", "text/plain"),
    (b'{"pin": ["This field is required."]}', "application/json"),
    (b"pin=1\0", "text/plain"),
    (b"C:\\dir and \\u0041", "text/plain"),
    (b"at /cb?code=abc&state=xyz, or \\u0070in, \\n and C:\\dir", "text/plain"),
)


class Injected(Exception):
    """The failure."""


class Ready(Capture):
    """A call that has ended, with the entry that it makes."""

    __slots__ = ("entry",)

    def __init__(self, entry: Entry) -> None:
        super().__init__("inbound")
        self.entry = entry

    def finish(self) -> Entry:
        return self.entry


class Kept:
    """A spool that remembers the last entry."""

    payload = b""

    def append(self, payload: bytes) -> str | None:
        self.payload = payload
        return None


def functions() -> Iterator[tuple[str, list[tuple[Any, str]], Callable[..., Any]]]:
    """Yield each function and method of the package, and the places where it can be found."""
    for module in MODULES:
        short = module.__name__.rpartition(".")[2]
        if short == "asked" or (short == "databases" and databases.hyperscan is None):  # test_asked has those
            continue
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == module.__name__:
                for method, found in vars(value).items():
                    if inspect.isfunction(found) and found.__code__.co_filename == module.__file__:
                        yield f"{short}.{name}.{method}", [(value, method)], found
            elif callable(value) and getattr(value, "__module__", "") == module.__name__:
                yield f"{short}.{name}", [*_places(value)], value


def _places(value: object) -> Iterator[tuple[ModuleType, str]]:
    for module in MODULES:
        for name, other in vars(module).items():
            if other is value:
                yield module, name


FUNCTIONS = [each for each in functions() if each[0] not in AWAY | BOUND]
COMPILED = databases.Databases(Names(), SHAPES) if databases.hyperscan else None


def redactor(name: str) -> Redactor:
    values = [] if name.startswith("databases") else ["Kanarienvogel"]  # has to be compiled
    paths = ["json:$.a.b", "xml:Tax", "query:d"]
    made = Redactor(values=values, keep=lambda name: name == "csrf", paths=paths)
    hits = COMPILED.hits if COMPILED and name.startswith("databases") else None
    made._rules._scanner.hits = hits or Search(made._rules.names, made._rules.shapes).hits
    return made


def entries() -> Iterator[tuple[Canary | None, Entry]]:
    for canary in SECRETS:
        yield canary, canary.entry()
    yield None, make_entry(labels={"source_url": "/bots/3"})
    yield None, make_entry(url="https://a.example/reset/abcdefgh1", route="/reset/{token}", errors=("no abcdefgh1",))
    headers = [(b"Cookie", b"alone; a=b")]
    for body, kind in MORE:
        for truncated in (False, True):
            message = Message(headers, body, kind, None, len(body), None, truncated)
            yield None, make_entry(request=message)


@pytest.mark.parametrize(("name", "places", "function"), FUNCTIONS, ids=[each[0] for each in FUNCTIONS])
def test_a_failure(
    name: str, places: list[tuple[Any, str]], function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each entry that needs the function only what cannot hold a secret is kept."""
    reached = 0

    def fail(*_: Any, **__: Any) -> Any:
        nonlocal reached
        reached += 1
        raise Injected(SECRETS[0].secret.value)

    bodies.plain.clear()
    bodies.form_of.cache_clear()
    for place, attribute in places:
        monkeypatch.setattr(place, attribute, fail)
    try:
        made = redactor(name)
    except Injected:  # for the host to see, when it builds its Redactor
        monkeypatch.undo()
        made = redactor(name)
        for place, attribute in places:
            monkeypatch.setattr(place, attribute, fail)
    kept, failed = Kept(), 0
    recorder = Recorder(kept, made, max_body=1 << 16)
    for canary, entry in entries():
        before, kept.payload = reached, b""
        recorder.record(Ready(entry))
        failed += reached > before
        assert kept.payload
        if canary is not None:
            canary.assert_gone(kept.payload)
    assert reached, "nothing calls it: it is either not needed, or not tested"
    assert recorder.failures["redaction_failed"] == failed


def test_the_last_word_on_a_shape() -> None:
    """What decides whether a match is a secret may fail, too."""

    def fail(_: bytes) -> bool:
        raise Injected

    made = redactor("search")
    made._rules.shapes = tuple(shape._replace(holds=fail) for shape in made._rules.shapes)
    kept = Kept()
    recorder = Recorder(kept, made, max_body=1 << 16)
    canary = next(canary for canary in SECRETS if canary.secret.kind == "card")
    recorder.record(Ready(canary.entry()))
    canary.assert_gone(kept.payload)
    assert recorder.failures == {"redaction_failed": 1}
