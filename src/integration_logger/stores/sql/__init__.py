"""The store on SQL databases."""

from integration_logger.stores.sql.store import SQLStore

__all__ = ["SQLStore"]
