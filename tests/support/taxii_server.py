"""A TAXII 2.1 server (medallion, of OASIS) with one empty collection, on a port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

COLLECTION = "0f1e2d3c-4b5a-4678-9a0b-c1d2e3f40516"

USER, PASSWORD = "member", "of the hub"


def data() -> dict[str, Any]:
    versions = ["application/taxii+json;version=2.1"]
    collection = {
        "id": COLLECTION,
        "title": "hub",
        "can_read": True,
        "can_write": True,
        "media_types": ["application/stix+json;version=2.1"],
        "objects": [],
        "manifest": [],
        "responses": [],
    }
    information = {"title": "hub", "versions": versions, "max_content_length": 100_000_000}
    return {
        "/discovery": {"title": "discovery", "default": "/root/", "api_roots": ["/root/"]},
        "root": {"information": information, "status": [], "collections": [collection]},
    }


class Server:
    def __init__(self, port: int, backend: Any) -> None:
        self.url = f"http://127.0.0.1:{port}/root/collections/{COLLECTION}/"
        self._backend = backend

    @property
    def stored(self) -> list[dict[str, Any]]:
        """All versions of all objects."""
        return self._backend.data["root"]["collections"][0]["objects"]


@contextmanager
def running(netrc: Any) -> Iterator[Server]:
    """Starts a server; writes the user and password for it to a file of netrc."""
    from medallion import application_instance, register_blueprints, set_config
    from medallion.backends.memory_backend import MemoryBackend
    from werkzeug.serving import make_server

    backend = MemoryBackend()
    backend.data = data()
    settings = {"taxii": {"max_page_size": 50}, "users": {USER: PASSWORD.replace(" ", "")}}
    for name in ("taxii", "users"):
        set_config(application_instance, name, settings)
    application_instance.medallion_backend = backend
    if "objects" not in application_instance.blueprints:
        register_blueprints(application_instance)
    server = make_server("127.0.0.1", 0, application_instance)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD.replace(' ', '')}\n")
    netrc.chmod(0o600)
    try:
        yield Server(server.server_port, backend)
    finally:
        server.shutdown()
        thread.join()
