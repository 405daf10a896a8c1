"""What the log adds to a WSGI request within the process, beside OpenTelemetry (``PEER`` prints that one as JSON)."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from time import thread_time
from typing import Any, Final

from integration_logger import IntegrationLogger
from tests.benchmarks.harness import Options, alternate, folder, number, table
from tests.benchmarks.host import PATH, Incoming, answers_of, incoming
from tests.benchmarks.inprocess import check, paused, ready
from tests.benchmarks.otlp import encoding_provider

SIZE: Final = 1024
CALLS: Final = 2400
BATCH: Final = 600
LIMIT, AIM = 25.0, 15.0
"""µs added, on the machine that the limits were set for: there the bare app of ``overhead`` takes 17 µs."""
PEER: Final = "opentelemetry"
PEER_ROUNDS: Final = 7

WSGIApp = Callable[..., Iterable[bytes]]
Environs = Sequence[tuple[dict[str, Any], bytes]]


def make_app(size: int) -> WSGIApp:
    """Return an app that reads the body and answers with another of about this size."""
    answers = answers_of(size)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        body = next(answers)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def environs(calls: Sequence[Incoming]) -> Environs:
    """Return calls as a WSGI server hands them over, and their bodies."""
    return [(_environ(call), b"".join(message["body"] for message in call.messages)) for call in calls]


def _environ(call: Incoming) -> dict[str, Any]:
    headers = {f"HTTP_{name.decode().upper().replace('-', '_')}": value.decode() for name, value in call.headers}
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "QUERY_STRING": call.query.decode(),
        "RAW_URI": f"{PATH}?{call.query.decode()}",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "203.0.113.7",
        "REMOTE_PORT": "50123",
        "CONTENT_TYPE": headers.pop("HTTP_CONTENT_TYPE"),
        "CONTENT_LENGTH": headers.pop("HTTP_CONTENT_LENGTH"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": _FileWrapper,
        **headers,
    }


class _FileWrapper:
    """The type by which servers know files."""


def serve(app: WSGIApp, calls: Environs, count: int) -> float:
    """Run so many calls through the app, as a server with one thread does; return the µs of one."""
    several = len(calls)
    start = thread_time()
    for place in range(count):
        environ, body = calls[place % several]
        answer = app({**environ, "wsgi.input": io.BytesIO(body)}, _start_response)
        for _ in answer:
            pass
        if close := getattr(answer, "close", None):
            close()
    return (thread_time() - start) / count * 1e6


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[..., object]:
    return print


def run(options: Options) -> None:
    """Print the table."""
    total, redactor, app = options.scaled(CALLS), ready(), make_app(SIZE)
    clean, secret = (environs(incoming(SIZE, secret=secret)) for secret in (False, True))
    with folder() as place:

        def ours(calls: Environs) -> float:
            with paused(place, redactor) as log:
                return _timed_with(log, app, calls, total)

        variants = {"clean": lambda: ours(clean), "credentials": lambda: ours(secret)}
        found = alternate({**variants, "bare": lambda: serve(app, secret, total)}, options.rounds)
    rows = [["integration-logger", *_row(found, "clean"), ""], ["with credentials", *_row(found, "credentials"), "1.0"]]
    if not options.quick and (peer := _peer()):
        ratio = (peer["peer"] - peer["bare"]) / (found["credentials"] - found["bare"])
        rows.append(["OpenTelemetry, no bodies", *_row(peer, "peer"), f"{ratio:.1f}"])
    note = f"Limit {number(LIMIT)}, aim {number(AIM)}, where the bare ASGI app of the first table takes 17 µs."
    head = ["1 KiB in and out", "bare", "added, CPU µs", "of ours"]
    table(
        "Added to a WSGI request",
        head,
        rows,
        f"CPU time of the thread that serves; a plain app; the shipper is paused; medians. {note}",
    )


def _row(found: dict[str, float], name: str) -> tuple[str, str]:
    return number(found["bare"]), f"+{number(found[name] - found['bare'])}"


def _timed_with(log: IntegrationLogger, app: WSGIApp, calls: Environs, total: int) -> float:
    """Time an app with a logger; the shipper's chores are done outside the clock."""
    app, writer = log.wsgi(app), log._writer
    batch = min(BATCH, total)
    while writer._spare is None:  # as in a process with traffic, the segment in use has been made ready ahead
        serve(app, calls, batch)
        writer.make_ready()
        check(log)
    writer.seal(older_than=0)
    serve(app, calls, min(batch, 100))
    rounds = total // batch
    spent = 0.0
    for _ in range(rounds):
        spent += serve(app, calls, batch)
        writer.make_ready()
    return spent / rounds


# --- the peer, in a process of its own ----------------------------------------------------------------


def _peer() -> dict[str, float] | None:
    command = [sys.executable, "-m", "tests.benchmarks.wsgi", PEER]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{PEER}: left out, {done.stderr.strip().splitlines()[-1]} (pip install --group bench)")
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def opentelemetry() -> dict[str, float]:
    """Measure OpenTelemetry's WSGI instrumentation: spans without bodies, batched and encoded as OTLP."""
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    provider = encoding_provider(4 * CALLS)
    bare, calls = make_app(SIZE), environs(incoming(SIZE, secret=True))
    app = OpenTelemetryMiddleware(bare, tracer_provider=provider)

    def peer() -> float:
        provider.force_flush()
        return serve(app, calls, CALLS)

    peer()
    return alternate({"peer": peer, "bare": lambda: serve(bare, calls, CALLS)}, PEER_ROUNDS)


if __name__ == "__main__":
    print(json.dumps(opentelemetry()))
