"""What the routes of the log browser are for, take and give, beside the table that says who may use them.

The OpenAPI document and the reference in ``docs/reference/api.md`` are made from what stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from integration_logger.values import one_of
from integration_logger.viewer import answers
from integration_logger.viewer import parameters as given
from integration_logger.viewer.access import Principal
from integration_logger.viewer.openapi import FILE, Operation, Parameter, document
from integration_logger.viewer.openapi import TEXT as PLAIN
from integration_logger.viewer.render import json_response

if TYPE_CHECKING:
    from integration_logger.viewer.routes import Route

OWN: Final = "/openapi.json"
_JSON: Final = "application/json"
_HTML: Final[dict[str, Any]] = {"text/html": PLAIN}
_FILES: Final = ("application/octet-stream", _JSON, "text/plain", "text/csv", "application/xml")
_EXPORTED: Final[dict[str, Any]] = {"text/csv": PLAIN, "application/x-ndjson": PLAIN, _JSON: FILE}
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"event": one_of(["entry", "inflight"]).schema, "id": PLAIN, "data": PLAIN, "retry": {}},
}
"""One server-sent event."""
_UNLIMITED: Final = "Not for readers limited to tenants or applications."

REFUSALS: Final[dict[str, tuple[int | None, str]]] = {
    "unauthorized": (401, "`authorize` returned `None`."),
    "forbidden": (403, "The reader lacks the permission for this route."),
    "cross_site": (403, "Another web site may have made this request."),
    "outside_scope": (403, "A filter names a tenant or application that the reader may not see."),
    "bad_parameter": (400, "A parameter that does not exist, or a value that it does not take."),
    "not_found": (
        404,
        "There is no log browser for this reader (`enabled_for`); no such route, no such entry, or one that the reader"
        " may not see; these look alike on purpose. Also: the entry has no such body.",
    ),
    "method_not_allowed": (405, "The route does not take this method."),
    "refused": (None, "The request could not be answered, or what it was sent with could not be read."),
    "too_many_requests": (
        429,
        "The reader asks for more than the log gives one reader; `Retry-After` says when to come back.",
    ),
    "store_unavailable": (503, "The store cannot be read now."),
    "authorize_failed": (
        500,
        "`authorize` raised, or returned something else than a `Principal` or `None`. Nothing is shown.",
    ),
    "internal_error": (500, "A fault of the log browser; the log of the application has the traceback."),
}
"""The codes of refusals, each with its status (None: any other 4xx), and what it means."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What one route is for, takes and gives."""

    group: str
    text: str = ""
    gives: Mapping[str, type | Mapping[str, Any]]
    takes: Sequence[Parameter] = ()
    filtered: bool = False
    """It takes all filters."""
    sends: type | Mapping[str, Any] | None = None


ABOUT: Final[dict[str, About]] = {
    "/api/entries": About(
        group="Entries",
        text="Items have no headers, bodies, variables, traceback and `redacted`.",
        gives={_JSON: answers.Entries},
        takes=given.PAGE,
        filtered=True,
    ),
    "/api/runs": About(
        group="Entries",
        text="The same as `/api/entries`, for runs only.",
        gives={_JSON: answers.Entries},
        takes=given.PAGE,
        filtered=True,
    ),
    "/api/entries/{id}": About(
        group="Entries",
        text=(
            "Where `detail_available` is false these are null or empty: `request`, `response`, `variables`,"
            " `traceback`, `redacted`, `bodies_expire_at`, `curl`."
        ),
        gives={_JSON: answers.Whole},
    ),
    "/api/entries/{id}/related": About(
        group="Entries",
        text="Its next of kin, each like an item of `/api/entries`; none outside of what the reader may see.",
        gives={_JSON: answers.Kin},
    ),
    "/api/entries/{id}/request": About(group="Entries", gives=dict.fromkeys(_FILES, FILE)),
    "/api/entries/{id}/response": About(group="Entries", gives=dict.fromkeys(_FILES, FILE)),
    "/api/entries/{id}/curl": About(
        group="Entries",
        text="Safe to paste into bash. Masked values are shell variables.",
        gives={"text/plain": PLAIN},
    ),
    "/api/facets": About(group="Figures", gives={_JSON: answers.Facets}, takes=[given.FIELD], filtered=True),
    "/api/stats": About(
        group="Figures",
        text=(
            "A range may fall into 1,000 stretches at most; without `since` the shortest is a day."
            " Stretches without an entry are left out."
        ),
        gives={_JSON: answers.Stats},
        takes=[given.STRETCH],
        filtered=True,
    ),
    "/api/integrations": About(
        group="Integrations",
        text=(
            "For each tenant; over the applications that the reader may see. A tenant outside of what the reader may"
            " see: 403."
        ),
        gives={_JSON: answers.Integrations},
        takes=given.WHOSE,
    ),
    "/api/stream": About(
        group="Live tail",
        gives={"text/event-stream": _EVENT},
        takes=[*given.PAGE, given.LAST_EVENT_ID],
        filtered=True,
    ),
    "/api/export.{format}": About(
        group="Exports",
        text=(
            "The newest come first unless `order=asc` is asked for. The file is made while it is sent, in constant"
            " memory."
        ),
        gives=_EXPORTED,
        takes=[*given.OF_CSV, given.CURSOR, given.ORDER],
        filtered=True,
    ),
    "/api/entries/{id}/export.{format}": About(group="Exports", gives=_EXPORTED, takes=given.OF_CSV),
    "/api/erase": About(
        group="Changes",
        text=(
            "Every entry within the reader's scope that matches, and calls in flight; entries of kind `audit` never."
            " `dry_run` deletes nothing and gives the same counts."
        ),
        gives={_JSON: answers.Taken},
        sends=given.CHOSEN,
    ),
    "/api/purge": About(
        group="Changes",
        text=f"`dry_run` deletes nothing and gives the same counts. {_UNLIMITED}",
        gives={_JSON: answers.Taken},
        sends=given.DRY,
    ),
    "/api/health": About(
        group="Health",
        text=f"200 whatever is wrong. {_UNLIMITED}",
        gives={_JSON: answers.Health, "text/plain": PLAIN},
        takes=[given.HEALTH_FORMAT],
    ),
    "/api/meta": About(group="About this API", gives={_JSON: answers.Meta}),
    OWN: About(
        group="About this API",
        text="Every route with its parameters, answers and statuses.",
        gives={_JSON: {"type": "object"}},
    ),
    "/": About(group="Pages", gives=_HTML, takes=[given.RANGE, given.ENTRY, given.TAB, given.CURSOR], filtered=True),
    "/entries/{id}": About(group="Pages", gives=_HTML, takes=[given.TAB]),
    "/runs": About(
        group="Pages",
        text="With `label.job_id` or `operation` it is about one job.",
        gives=_HTML,
        takes=[given.RANGE],
        filtered=True,
    ),
    "/integrations": About(group="Pages", gives=_HTML, takes=given.WHOSE),
    "/audit": About(group="Pages", text=_UNLIMITED, gives=_HTML, takes=[given.WORDS, given.CURSOR]),
    "/erase": About(group="Pages", gives=_HTML, takes=[given.WORDS], sends=given.CONFIRMED),
    "/health": About(group="Pages", text=_UNLIMITED, gives=_HTML),
}
"""Every route, in the order of the reference."""


def operations(routes: Sequence[Route]) -> list[Operation]:
    """Return what the table of routes serves, in the order of the reference."""
    order = [*ABOUT]
    return [
        _described(route, method)
        for route in sorted(routes, key=lambda route: order.index(route.path))
        for method in route.methods
    ]


def _described(route: Route, method: str) -> Operation:
    about = ABOUT[route.path]
    takes, sends = (about.takes, None) if method == "GET" else ((), about.sends)
    in_path = [parameter for parameter in (given.ID, given.FORMAT) if f"{{{parameter.name}}}" in route.path]
    refuses = {401, 403, 404, 429, 500, 503} | ({400} if takes or about.filtered or sends else set())
    return Operation(
        path=route.path,
        method=method,
        group=about.group,
        summary=(route.endpoint.__doc__ or "").partition("\n")[0],
        about=about.text,
        takes=[*in_path, *takes, *(given.filters() if about.filtered else ())],
        any_named=given.LABEL_NAME if about.filtered else None,
        sends=sends,
        gives=about.gives,
        refuses={status: _means(status) for status in sorted(refuses | ({413, 415} if sends else set()))},
        refusal="text/html" if "text/html" in about.gives else _JSON,
        needs=route.needs,
    )


def _means(status: int) -> str:
    codes = [code for code, (known, _) in REFUSALS.items() if known == status] or ["refused"]
    return " ".join(f"`{code}`: {REFUSALS[code][1]}" for code in codes)


def served(table: Callable[[], Sequence[Route]]) -> Callable[[Request, Principal], Response]:
    """Return the endpoint that answers with the description of the routes in the table."""

    def openapi(request: Request, principal: Principal) -> Response:
        """This API as OpenAPI 3.1."""
        server = request.scope.get("root_path") or "/"
        return json_response(describe(table(), server))

    return openapi


def describe(routes: Sequence[Route], server: str) -> dict[str, Any]:
    """Return the description of the log browser that is mounted at ``server``."""
    security = {"authorize": {"type": "http", "scheme": "bearer", "description": "As the host's `authorize` wants it."}}
    return document(
        "Integration log",
        server,
        operations(routes),
        problem=answers.Problem,
        security=security,
    )
