"""The log browser: pages, JSON API and live tail over a Store, for a host to mount."""

from integration_logger.viewer.access import Principal
from integration_logger.viewer.app import Viewer
from integration_logger.viewer.credentials import basic_auth, bearer_tokens, request_user
from integration_logger.viewer.local import local_only
from integration_logger.viewer.wsgi import WSGIViewer

__all__ = ["Principal", "Viewer", "WSGIViewer", "basic_auth", "bearer_tokens", "local_only", "request_user"]
