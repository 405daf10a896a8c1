"""A trustworthy log of every call that a web application has with the outside world.

from integration_logger import IntegrationLogger

log = IntegrationLogger("sqlite:///integration-logs.db")
app.add_middleware(log.asgi)
app.mount("/logs", log.viewer(authorize=who))
"""

from __future__ import annotations

from importlib.metadata import version as _version

from integration_logger.adapters.paths import HEALTH_CHECKS
from integration_logger.entry import Entry
from integration_logger.errors import ConfigurationError
from integration_logger.integrations import Integration
from integration_logger.logger import IntegrationLogger
from integration_logger.query import ALL
from integration_logger.redaction import Redactor
from integration_logger.retention import Retention, Rule
from integration_logger.spool.writer import Spool
from integration_logger.stores import include_object
from integration_logger.viewer.access import Principal
from integration_logger.viewer.credentials import basic_auth, bearer_tokens, request_user
from integration_logger.viewer.local import local_only

__all__ = [
    "ALL",
    "HEALTH_CHECKS",
    "ConfigurationError",
    "Entry",
    "Integration",
    "IntegrationLogger",
    "Principal",
    "Redactor",
    "Retention",
    "Rule",
    "Spool",
    "basic_auth",
    "bearer_tokens",
    "include_object",
    "local_only",
    "request_user",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        return _version("integration-logger")
    raise AttributeError(f"module 'integration_logger' has no attribute {name!r}")
