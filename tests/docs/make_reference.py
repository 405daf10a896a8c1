"""The parts of the reference that are made from the definitions of the routes: ``python -m tests.docs.make_reference``.

They stand between marks, such as ``<!-- errors -->`` and ``<!-- end of errors -->``; what is around them is written by
hand. What the examples answer is what the applications answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any, Final

import msgspec

from integration_logger import local_only
from integration_logger.compat import kondado_openapi
from integration_logger.filters import FIELDS, FILTERS, field_kind
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Viewer, operations, parameters
from integration_logger.viewer.openapi import Operation, Parameter
from tests.docs import pages
from tests.docs.examples import kondado_example, native_example

API: Final = "docs/reference/api.md"
KONDADO: Final = "docs/reference/kondado.md"


def made(page: str) -> str:
    """Return a page as it is when everything between its marks is made anew."""
    text = pages.read(page)
    for name, lines in (_native() if page == API else _kondado()).items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        assert begin in text, f"{page} has no mark {begin}"
        text = re.sub(
            f"{begin}.*?{end}", f"{begin}\n{chr(10).join(lines)}\n{end}".replace("\\", r"\\"), text, flags=re.S
        )
    return text


def _native() -> Mapping[str, Iterable[str]]:
    found = operations.operations(Viewer(MemoryStore(), authorize=local_only()).routes)
    groups = {_mark(operation.group): operation.group for operation in found}
    return {
        "routes": _overview(found),
        "filters": _filters(),
        "errors": _errors(),
        **{mark: [*_routes(found, group)][1:] for mark, group in groups.items()},
    }


def _mark(group: str) -> str:
    return group.lower().replace(" ", "_")


# --- routes ---------------------------------------------------------------------------------------------


def _overview(found: Iterable[Operation]) -> Iterator[str]:
    yield from _table("path", "gives", "permission")
    for operation in found:
        method = "" if operation.method == "GET" else f"`{operation.method}`: "
        path = f"[`{operation.path}`](#{_anchor(operation)})"
        yield _row(path, f"{method}{operation.summary}", f"`{operation.needs}`")
    yield _row("`/static/{path}`", "Style sheets and scripts of the pages; without `authorize`.", "none")


def _anchor(operation: Operation) -> str:
    return re.sub(r"[^\w\- ]", "", _heading(operation).lower()).replace(" ", "-")


def _heading(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def _routes(found: Iterable[Operation], group: str) -> Iterator[str]:
    """Describe the routes of a group; an answer like that of another one is described there."""
    described: dict[type, Operation] = {}
    for operation in found:
        shapes = [given for given in operation.gives.values() if isinstance(given, type)]
        known = {shape: described.setdefault(shape, operation) for shape in shapes}
        if operation.group == group:
            yield from ("", f"### {_heading(operation)}", "")
            yield from _paragraph(f"{operation.summary} {operation.about}")
            yield from ("", _may(operation))
            yield from _takes(operation)
            yield from _gives(operation, known)
            yield from native_example(operation)


def _paragraph(text: str) -> list[str]:
    return wrap(text, 120, break_long_words=False, break_on_hyphens=False)


def _may(operation: Operation) -> str:
    *others, last = [str(status) for status in operation.refuses]
    needs = f"Needs the permission `{operation.needs}`. " if operation.needs else ""
    return f"{needs}Refused with {', '.join(others)} or {last}; see [errors](#errors)."


def _takes(operation: Operation) -> Iterator[str]:
    shared = {parameter.name for parameter in parameters.filters()} if operation.any_named else set()
    own = [parameter for parameter in operation.takes if parameter.name not in {*shared, "id"}]
    if own:
        yield ""
        yield from _parameters(own)
    if shared:
        yield from ("", "It takes all [filters](#filters), too." if own else "It takes all [filters](#filters).")
    if isinstance(operation.sends, Mapping):
        yield from (
            "",
            f"It is sent an object of JSON or the fields of a form: {_sent(operation.sends['properties'])}.",
        )


def _sent(fields: Iterable[str]) -> str:
    filters = {parameter.name for parameter in parameters.filters()}
    if not filters <= {*fields}:
        return " and ".join(f"`{field}`" for field in fields)
    return " and ".join([*(f"`{field}`" for field in fields if field not in filters), "the [filters](#filters)"])


def _parameters(found: Iterable[Parameter]) -> Iterator[str]:
    yield from _table("parameter", "takes", "meaning")
    for parameter in found:
        where = {"path": "in the path", "header": "a header"}.get(parameter.place)
        notes = [
            where,
            "required" if parameter.required and not where else "",
            "repeated" if parameter.repeated else "",
        ]
        name = f"`{parameter.name}`" + (f" ({', '.join(filter(None, notes))})" if any(notes) else "")
        yield _row(name, _values(parameter.value.schema, parameter.value.takes), parameter.about)


def _values(schema: Mapping[str, Any], takes: str) -> str:
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    return "text" if "maxLength" in schema or len(takes) > 120 else takes


def _gives(operation: Operation, described: Mapping[Any, Operation]) -> Iterator[str]:
    shapes = {kind: given for kind, given in operation.gives.items() if isinstance(given, type)}
    for kind, shape in shapes.items():
        if described[shape] is not operation:
            elsewhere = described[shape]
            yield from ("", f"The answer is that of [`{elsewhere.path}`](#{_anchor(elsewhere)}).")
        else:
            yield from ("", f"The answer, `{kind}`:", "")
            yield from _fields(shape)
    if not shapes:
        yield from ("", f"The answer is {_either([f'`{kind}`' for kind in operation.gives])}.")


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _fields(shape: type) -> Iterator[str]:
    """Describe what the answer holds; fields of an entry have their own page."""
    yield from _table("name", "holds")
    if shape.__name__ == "Entry":
        yield _row("every name of an [entry](entry.md)", "Bodies as text.")
    shapes = msgspec.json.schema(shape)["$defs"]
    fields = shapes[shape.__name__]["properties"]
    yield from _described(fields)
    for name, schema in fields.items():
        parts = shapes[schema.get("items", {}).get("$ref", "").rpartition("/")[2] or shape.__name__]["properties"]
        if parts is not fields and all("description" in part for part in parts.values()):
            yield from ("", f"Each of `{name}`:", "", *_table("name", "holds"), *_described(parts))


def _described(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in fields.items():
        if "description" in schema:
            yield _row(f"`{name}`", schema["description"])


# --- filters and errors ---------------------------------------------------------------------------------


def _filters() -> Iterator[str]:
    yield from _table("filter", "takes", "finds")
    for name in FILTERS:
        value = FIELDS[field_kind(name)].value
        yield _row(f"`{name}`", _values(value.schema, value.takes), parameters.FINDS[name])
    yield _row("`label.NAME`", "text", "The label `NAME` has this value, or has it among its values.")
    yield from ("", "Filters that take text compare the whole value, with letters as they are.", "")
    yield from ("These have no `not.` form and may be given once:", "")
    yield from _parameters([*parameters.TIMES, *parameters.PAGE])


def _errors() -> Iterator[str]:
    yield from _table("code", "status", "means")
    for code, (status, means) in operations.REFUSALS.items():
        yield _row(f"`{code}`", str(status or "any other 4xx"), means)


# --- Kondado --------------------------------------------------------------------------------------------


def _kondado() -> Mapping[str, Iterable[str]]:
    found = kondado_openapi.operations()
    return {"routes": _kondado_routes(found), "records": _records(), "refusals": _refusals()}


def _kondado_routes(found: list[Operation]) -> Iterator[str]:
    yield from _table("path", "gives", "parameters")
    for operation in found:
        names = ", ".join(f"`{parameter.name}`" for parameter in operation.takes)
        yield _row(f"`{operation.path}`", operation.summary, names)
    yield ""
    takes = {parameter.name: parameter for operation in found for parameter in operation.takes}
    yield from _parameters(takes.values())
    yield _row("`key`, `token`", "text", "Credentials, where `authorize` takes them so.")
    for operation in found:
        yield from kondado_example(operation)


def _records() -> Iterator[str]:
    yield from _table("field", "holds", "in a pipeline's record", "in a model's record")
    records = [
        msgspec.json.schema(record)["$defs"][record.__name__]["properties"]
        for record in (kondado_openapi.PipelineRecord, kondado_openapi.ModelRecord)
    ]
    for name in {**records[0], **records[1]}:
        holds = next(record[name]["description"] for record in records if name in record)
        yield _row(f"`{name}`", holds, *(_kind(record[name]) if name in record else "" for record in records))


def _kind(schema: Mapping[str, Any]) -> str:
    words = {"integer": "number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
    types = [choice["type"] for choice in schema.get("anyOf", [schema]) if "type" in choice]
    return _either(sorted({words[type] for type in types}, key=[*words.values()].index)) if types else "any JSON"


def _refusals() -> Iterator[str]:
    yield from _table("`error`", "status", "means")
    for status, (code, means) in kondado_openapi.REFUSALS.items():
        yield _row(f"`{code}`", str(status), means)


# --- Markdown -------------------------------------------------------------------------------------------


def _table(*heads: str) -> Iterator[str]:
    yield _row(*heads)
    yield "|" + "---|" * len(heads)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def main() -> None:
    """Write both pages."""
    for page in (API, KONDADO):
        (pages.ROOT / page).write_text(made(page))


if __name__ == "__main__":
    main()
