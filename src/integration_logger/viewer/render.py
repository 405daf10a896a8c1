"""Pages from templates, and problems as a page or as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from integration_logger import codec
from integration_logger.retention import Retention
from integration_logger.viewer import words

PROBLEMS = {
    "unauthorized": (
        "You are not signed in",
        "Sign in to the application first; then this page opens.",
    ),
    "forbidden": ("This is not for you to see", "Ask whoever runs the application for access to its log."),
    "cross_site": (
        "That did not come from here",
        "Open the page of the log anew and try again; a program sends the token of /api/meta as X-CSRF-Token.",
    ),
    "outside_scope": ("This is not for you to see", "The filter names something outside of what you may see."),
    "not_found": (
        "There is nothing here",
        "The entry was never there, its time has run out, or it is not yours to see.",
    ),
    "method_not_allowed": ("That is not possible here", "This address does not take such a request."),
    "bad_parameter": ("This filter does not work", "Correct it in the search box, or clear all filters."),
    "too_many_requests": (
        "That was too much at once",
        "The log answers a few such questions a second for each reader, so that it does not hold up the application. "
        "Try again in a moment.",
    ),
    "store_unavailable": (
        "The log cannot be read right now",
        "Its store did not answer. The application itself goes on, and what it logs meanwhile waits in its spool. "
        "Try again in a moment; if it stays like this, run “integration-logger check”.",
    ),
    "authorize_failed": (
        "Who you are could not be found out",
        "The application's own access check failed, so nothing is shown. Its log says why.",
    ),
    "internal_error": ("Something went wrong here", "The log browser failed. The log of the application says why."),
    "refused": ("That was refused", "The request could not be answered."),
}


class Renderer:
    """Makes answers of the viewer from templates and data."""

    def __init__(
        self,
        *,
        title: str,
        theme: str,
        support_url: str | None,
        retention: Retention | None,
    ) -> None:
        self.title = title
        self._environment = Environment(
            loader=PackageLoader("integration_logger.viewer"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            title=title, theme=theme, support_url=support_url, retention=retention, words=words
        )
        self._environment.filters.update(iso=codec.timestamp)

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """Answer with a page. All its addresses are relative, so that no prefix and no proxy matters."""
        base = "../" * (route_path(request.scope).count("/") - 1) or "./"
        csrf = getattr(request.state, "csrf", None)
        values |= {name: getattr(request.state, name, False) for name in ("sees_audit", "may_erase")}
        text = self._environment.get_template(template).render(base=base, now=datetime.now(UTC), csrf=csrf, **values)
        return HTMLResponse(text, status)

    def problem(
        self, request: Request, status: int, code: str, message: str | None = None, field: str | None = None
    ) -> Response:
        """Answer that something does not work: what happened and what to do."""
        heading, advice = PROBLEMS[code]
        if is_api(request):
            error = {"code": code, "message": message or f"{heading}. {advice}", "field": field}
            return json_response({"error": error}, status)
        return self.page(request, "problem.html", status, heading=heading, advice=advice, message=message)


def route_path(scope: Scope) -> str:
    """Return the path below the viewer's own mount point, whatever prefix stands before it."""
    root, path = str(scope.get("root_path", "")), str(scope["path"])
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def here(scope: Scope, ending: str = "", query: str | None = None, status: int = 307) -> Response:
    """Lead to the address that was asked for, with something at its end, or with another query.

    It is named by its last part alone: a whole address could be made to name another host.
    """
    last = quote(str(scope["path"]).rpartition("/")[2])
    asked = scope["query_string"].decode("latin-1") if query is None else query
    return RedirectResponse(f"./{last}{ending}" + (f"?{asked}" if asked else ""), status)


def is_api(request: Request) -> bool:
    """Tell whether the answer goes to a program."""
    path = route_path(request.scope)
    return path.startswith("/api/") or path.endswith(".json")


def json_response(data: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(codec.to_json(data), status, media_type="application/json")
