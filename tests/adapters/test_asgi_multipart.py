"""Multipart forms: what was uploaded is told, and not kept."""

from __future__ import annotations

from integration_logger.testing import RecordingLogger
from tests.adapters.server import Server, answer


def test_an_uploaded_file_is_not_kept(log: RecordingLogger) -> None:
    """Of a multipart form the names, types and sizes of its parts are recorded, never the content of a file."""
    form = (
        b'--x\r\ncontent-disposition: form-data; name="title"\r\n\r\nspring\r\n'
        b'--x\r\ncontent-disposition: form-data; name="scan"; filename="id.png"\r\ncontent-type: image/png\r\n\r\n'
        b"PNGDATA-OF-A-PASSPORT\r\n--x--\r\n"
    )
    call = Server("POST", headers=[(b"content-type", b"multipart/form-data; boundary=x")], body=form)
    call.run(log.asgi(answer(200)))
    request = log.entries[0].request
    assert request is not None
    kept = repr(request.body)
    assert "scan" in kept
    assert "id.png" in kept
    assert "PASSPORT" not in kept
    assert request.size == len(form)
