"""What somebody may try: forged addresses, headers and cursors, other sites, and data that attacks its reader."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from integration_logger.entry import Message
from integration_logger.query import ALL
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal, Viewer, basic_auth, bearer_tokens, local_only, tail
from integration_logger.viewer.poller import POLL
from tests.viewer.marked import build, marks
from tests.viewer.server import OWNER, Client, new_entry, viewer
from tests.viewer.test_credentials import USERS, basic, digest
from tests.viewer.test_matrix import ROUTES

FORWARDED = {
    "x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "x-forwarded-prefix": "//evil.example",
    "x-forwarded-port": "666", "x-forwarded-server": "evil.example", "x-original-url": "/health",
    "x-rewrite-url": "/health", "forwarded": "host=evil.example;proto=https", "x-host": "evil.example",
    "x-http-method-override": "DELETE",
}  # fmt: skip
REBOUND = (
    "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example/@localhost",
    "localhost:80@evil.example", "evil.example#localhost", "0.0.0.0", "10.0.0.1", "[::ffff:10.0.0.1]", "",
    "localhost,evil.example",
)  # fmt: skip


def asked(
    app: Any, path: bytes, method: str = "GET", root_path: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Send a path as it is, which a client would put in order first."""
    raw, _, query = path.partition(b"?")
    sent: list[Any] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": raw.decode("utf-8", "replace"), "raw_path": raw, "query_string": query, "root_path": root_path,
        "headers": [(b"host", b"localhost:8000"), *((n.encode(), v.encode()) for n, v in headers.items())],
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8000),
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    anyio.run(app, scope, receive, send)
    fields = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return sent[0]["status"], fields, b"".join(message.get("body", b"") for message in sent[1:])


# --- no credentials -----------------------------------------------------------------------------------

NOBODY = {
    "nothing": (bearer_tokens({}), None),
    "an unknown token": (bearer_tokens({digest("right"): OWNER}), "Bearer wrong"),
    "an expired token": (bearer_tokens({digest("right"): (OWNER, datetime(2020, 1, 1, tzinfo=UTC))}), "Bearer right"),
    "a wrong password": (basic_auth(USERS), basic("ana:wrong")),
    "another scheme": (basic_auth(USERS), "Bearer right"),
    "no local token": (local_only("right"), "Bearer right"),
}


@pytest.mark.parametrize("why", NOBODY)
def test_without_the_right_credentials_every_route_is_shut(why: str) -> None:
    """401 from each route, with nothing of the log in it; scripts and styles are for everybody."""
    authorize, authorization = NOBODY[why]
    store, entries = build()
    client = Client(Viewer(store, authorize=authorize))
    headers = {} if authorization is None else {"authorization": authorization}
    for name in ROUTES:
        method, path = name.split(" ")
        answer = client.send(method, path.format(id=entries[0].id, format="csv"), headers=headers)
        assert answer.status_code == 401, name
        assert not marks(f"{answer.text}{answer.headers}")
    assert client.get("/static/app.js").status_code == 200


def test_a_tail_is_authorised_anew_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream ends by itself, and who has lost their access meanwhile is refused when they come back."""
    assert tail.LIFETIME <= 60
    monkeypatch.setattr(tail, "LIFETIME", POLL)
    questions: list[Request] = []

    async def first_only(request: Request) -> Principal | None:
        questions.append(request)
        return OWNER if len(questions) == 1 else None

    store = MemoryStore()
    store.write([new_entry()])
    client = Client(Viewer(store, authorize=first_only))
    assert "event: entry" in client.get("/api/stream?cursor=0").text
    assert client.get("/api/stream?cursor=0").status_code == 401


# --- addresses and headers ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/?range=all", "/api/entries", "/api/meta", "/static/app.js", "/nothing"])
def test_forwarding_headers_change_nothing(path: str) -> None:
    """No address in an answer comes from a header, so that no cache and no proxy can be led to another host."""
    store, _ = build()
    client = Client(viewer(store))
    plain, forged = client.get(path), client.get(path, headers=FORWARDED | {"host": "evil.example"})
    assert plain.status_code == forged.status_code
    assert "evil.example" not in f"{forged.text}{forged.headers}"
    if not path.startswith("/?") and path != "/":  # ages and tokens of a page may differ
        assert plain.text == forged.text


@pytest.mark.parametrize("host", REBOUND)
def test_a_name_that_was_rebound_opens_nothing(host: str) -> None:
    """A page of another site that has made its name point to this machine has the wrong ``Host``."""
    app = Viewer(MemoryStore(), authorize=local_only("right"))
    for path in ("/?token=right", "/"):
        answer = Client(app).get(
            path, headers={"host": host, "cookie": "integration_log_8000=right; integration_log_80=right"}
        )
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/logs", "//evil.example/logs", "/a:b", "/\\evil.example"],
)
@pytest.mark.parametrize("query", ["", "?q=a%0d%0ab", "?token=right&q=//evil.example"])
def test_leads_to_no_other_place(path: str, query: str) -> None:
    """What is redirected stays below the address that was asked for, and keeps its query."""
    app = viewer(MemoryStore())
    status, headers, _ = asked(app, f"{path}{query}".encode(), root_path=path)
    assert status == 307
    assert headers["location"].startswith("./")
    assert headers["location"].partition("?")[0].endswith("/")
    assert not set(headers["location"]) & set("\r\n\\")


@pytest.mark.parametrize(
    "path", [b"//evil.example/", b"//evil.example/%2e%2e", b"/\\evil.example", b"/http://evil.example"]
)
def test_the_local_token_leads_to_no_other_place(path: bytes) -> None:
    """With the token in a strange address, too."""
    app = Viewer(MemoryStore(), authorize=local_only("right"))
    _, headers, _ = asked(app, path + b"?token=right")
    assert headers.get("location", "./").startswith("./")


@pytest.mark.parametrize(
    "path",
    [
        b"/static/../app.py", b"/static/..%2fapp.py", b"/static/%2e%2e/app.py", b"/static//etc/passwd",
        b"/static/....//app.py", b"/static/..\\app.py", b"/static/app.js/../../app.py", b"/static/app.js%00.css",
        b"/static/", b"/static",
        b"/static/\xff\xfe", b"/static/" + b"a" * 5000, b"/entries/../api/health", b"/api/entries/..%2f..%2fhealth",
    ],
    ids=range(14),
)  # fmt: skip
def test_no_path_leads_out_of_the_static_files(path: bytes) -> None:
    """Whatever way upward is tried, there is nothing there."""
    status, _, body = asked(viewer(MemoryStore()), path)
    assert status == 404
    assert b"import annotations" not in body
    assert b"root:" not in body


def test_every_answer_carries_what_protects_its_reader() -> None:
    """No frame, no sniffing, no cache, no foreign script, no referrer: on pages, data and errors alike."""
    store, entries = build()
    host = Client(Starlette(routes=[Mount("/logs", viewer(store))]))
    paths = [
        name.split(" ")[1].format(id=entries[0].id, format="csv")
        for name in ROUTES
        if name.startswith("GET") and "stream" not in name
    ]
    for path in [*paths, "/nothing", "/api/nothing", "/api/entries?limit=x"]:
        headers = host.get(f"/logs{path}").headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert headers["cache-control"] == "private, no-store", path
        assert headers["cross-origin-resource-policy"] == "same-origin", path
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "sandbox" in policy or "frame-ancestors 'none'" in policy, path
        assert not set(policy) & {"*"}, path
        assert "unsafe" not in policy, path
        assert "access-control-allow-origin" not in headers, path
        assert "set-cookie" not in headers, path


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json\r\nset-cookie: a=b", "text/html", "image/svg+xml",
        "text/plain; charset=utf-8\r\nx-injected: 1", "application/xhtml+xml", "text/plain; charset=\"a\r\nx: y\"",
        "TEXT/HTML;charset=utf-7",
    ],
    ids=range(7),
)  # fmt: skip
def test_a_body_is_a_file_that_nothing_runs_in(content_type: str) -> None:
    """A captured body is an attachment in a sandbox, of a type that no browser makes a page of, with clean headers."""
    message = Message(raw_headers=[], body=b"<script>alert(1)</script>", content_type=content_type, size=9)
    entry = new_entry(request=message)
    store = MemoryStore()
    store.write([entry])
    status, headers, _ = asked(viewer(store), f"/api/entries/{entry.id}/request".encode())
    assert status == 200
    assert headers["content-type"].partition(";")[0] in ("application/octet-stream", "application/json", "text/plain")
    assert "utf-7" not in headers["content-type"]
    assert headers["content-disposition"].startswith(f'attachment; filename="{entry.id}-request.')
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff"
    assert not any(set(value) & set("\r\n") for value in headers.values())


# --- parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "-1", "1e3", "1.0", "0x10", "\u0663", "\uff19", "1_000", " 1", "+1", "9" * 19, "9" * 5000, "null", "[1]",
        "1;drop", "%00", "\xed\xa0\x80",
    ],
    ids=range(16),
)  # fmt: skip
def test_a_cursor_that_was_tampered_with_is_refused(value: str) -> None:
    """Only a whole number is a cursor; all else is 400 with its name, on each route that takes one."""
    client = Client(viewer(MemoryStore()))
    for path in ("/api/entries", "/api/stream", "/"):
        answer = client.get(path, params={"cursor": value, "order": "asc"})
        assert answer.status_code == 400, path
        assert "cursor" in answer.text
    if value.isprintable() and value.isascii() and value.strip() == value:
        assert client.get("/api/stream", headers={"last-event-id": value}).status_code == 400


@pytest.mark.parametrize(
    "name",
    [
        "body",
        "request.body",
        "response",
        "size",
        "request.size",
        "min_size",
        "headers",
        "variables",
        "traceback",
        "redacted",
    ],
)
def test_nobody_searches_what_needs_the_permission_detail(name: str) -> None:
    """There is no filter, no count and no order by bodies, so that a reader without ``detail`` cannot infer them."""
    without = Principal("bo", role="x", tenants=ALL, permissions=["view", "export", "erase"])
    client = Client(viewer(MemoryStore(), without))
    for path in ("/api/entries", "/api/stream", "/api/facets", "/api/stats", "/", "/api/runs"):
        assert client.get(path, params={name: "secret"}).status_code == 400, path
        assert client.get(path, params={f"not.{name}": "secret"}).status_code == 400, path
    assert client.get("/api/facets", params={"field": name}).status_code == 400


def test_words_are_not_looked_for_in_what_needs_the_permission_detail() -> None:
    """A word that occurs in headers, bodies, variables or the traceback only finds nothing, in any store of words."""
    store, _ = build()
    client = Client(viewer(store, Principal("bo", role="x", tenants=ALL, permissions=["view"])))
    assert client.get("/api/entries", params={"q": "mark0"}).json()["items"]
    for word in ("deepmark0", "deep", '"body of"', "Traceback", "x-mark", "name"):
        assert client.get("/api/entries", params={"q": word}).json()["items"] == [], word
