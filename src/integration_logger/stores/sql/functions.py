"""SQL that each database spells differently."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class contains(FunctionElement[Any]):
    """Whether a text holds another one, letter by letter."""

    type = Boolean()
    inherit_cache = True


class folded_like(FunctionElement[Any]):
    r"""Whether a text is like a pattern with ``\`` as its escape; ASCII letters are the same in both cases."""

    type = Boolean()
    inherit_cache = True


class hex_digits(FunctionElement[Any]):
    """Bytes as hexadecimal digits."""

    type = Text()
    inherit_cache = True


def _arguments(element: Any, compiler: Any, **options: Any) -> list[str]:
    return [compiler.process(argument, **options) for argument in element.clauses]


@compiles(contains, "sqlite")
def _(element: Any, compiler: Any, **options: Any) -> str:
    text, part = _arguments(element, compiler, **options)
    return f"instr({text}, {part}) > 0"


@compiles(contains, "postgresql")
def _(element: Any, compiler: Any, **options: Any) -> str:
    text, part = _arguments(element, compiler, **options)
    return f"strpos({text}, {part}) > 0"


@compiles(folded_like, "sqlite")
def _(element: Any, compiler: Any, **options: Any) -> str:
    text, pattern = _arguments(element, compiler, **options)
    return f"({text}) LIKE {pattern} ESCAPE '\\'"


@compiles(folded_like, "postgresql")
def _(element: Any, compiler: Any, **options: Any) -> str:
    text, pattern = _arguments(element, compiler, **options)
    return f"({text}) ILIKE {pattern} ESCAPE E'\\\\'"


@compiles(hex_digits, "sqlite")
def _(element: Any, compiler: Any, **options: Any) -> str:
    return f"hex({', '.join(_arguments(element, compiler, **options))})"


@compiles(hex_digits, "postgresql")
def _(element: Any, compiler: Any, **options: Any) -> str:
    return f"encode({', '.join(_arguments(element, compiler, **options))}, 'hex')"
