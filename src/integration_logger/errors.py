"""Every error that integration-logger raises to the people who configure or query it.

    IntegrationLoggerError
    ├── ConfigurationError      a wrong value given to IntegrationLogger or one of its parts
    ├── QueryError              an unknown filter or a bad value; says which
    ├── ScopeError              a filter names a tenant or application outside the reader's scope
    ├── CodecError              stored bytes that cannot be read back
    ├── ScrollError             a log that is followed refuses, or does not answer as a log
    └── StoreError              the store is unreachable, locked or refuses the data

None of them is ever raised into a request of the host: they reach the developer at start, the reader
of the log in an answer, the program that follows it, or the operator in ``check``.
"""

from __future__ import annotations


class IntegrationLoggerError(Exception):
    """The base of all errors of this package."""


class ConfigurationError(IntegrationLoggerError, ValueError):
    """A wrong value was given to a constructor; the message says what to give instead."""


class QueryError(IntegrationLoggerError, ValueError):
    """A filter that does not exist, or a value that it does not take."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class ScopeError(QueryError):
    """A filter that names a tenant or an application which the reader may not see."""


class CodecError(IntegrationLoggerError, ValueError):
    """Bytes from a spool or a store that are not what this version wrote."""


class StoreError(IntegrationLoggerError):
    """The store could not do what was asked.

    ``data_error`` tells a poison entry (retrying is useless) from a store that is away or busy.
    """

    def __init__(self, message: str, *, data_error: bool = False) -> None:
        super().__init__(message)
        self.data_error = data_error


class ScrollError(IntegrationLoggerError):
    """A log cannot be followed any further; the message says why and what to do."""

    def __init__(self, message: str, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
