"""The log browser: pages, JSON API and live tail over a Store, for a host to mount."""

from integration_logger.viewer.access import Principal, local_only
from integration_logger.viewer.app import Viewer

__all__ = ["Principal", "Viewer", "local_only"]
