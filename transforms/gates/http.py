"""The one gate to servers: whoever answers is who was named, in bounded bytes and time."""

from __future__ import annotations

import threading
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import requests

from transforms.gates.reader import read_json


class OneServer(requests.Session):
    """A session with the server of one address, by its scheme, host and port.

    Args:
        url: An address of the server.
        most: Bytes of an answer, which is asked for unpacked, that are read.
        seconds: Time within which an answer is whole, from the look-up of the name on.
    """

    def __init__(self, url: str, most: int, seconds: float) -> None:
        super().__init__()
        self._origin, self._most, self._seconds = _origin(url), most, seconds
        self.received = 0
        self.headers["Accept-Encoding"] = "identity"

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Returns an answer, whose body has been read unless `stream` is set.

        Raises:
            requests.RequestException: for an answer that is none of this server, or beyond bounds.
        """
        if _origin(request.url or "") != self._origin:
            raise requests.RequestException("leads to another server")
        answers: SimpleQueue[requests.Response | Exception] = SimpleQueue()
        # In a thread, as bytes that come one by one never exceed the time of any one call.
        asking = partial(self._ask, request, settings, answers)
        threading.Thread(target=asking, daemon=True).start()
        try:
            answer = answers.get(timeout=self._seconds)
        except Empty:
            raise requests.Timeout(f"no whole answer in {self._seconds} seconds") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _ask(
        self,
        request: requests.PreparedRequest,
        settings: dict[str, Any],
        answers: SimpleQueue[requests.Response | Exception],
    ) -> None:
        settings["timeout"], unread = self._seconds, settings["stream"]
        try:
            answer = super().send(request, **settings | {"allow_redirects": False, "stream": True})
            if not unread:
                self._read(answer)
            answers.put(answer)
        except requests.RequestException as error:
            answers.put(error)
        except Exception as error:
            answers.put(requests.ConnectionError(str(error)))

    def _read(self, answer: requests.Response) -> None:
        with answer:
            if answer.is_redirect:
                raise requests.TooManyRedirects("leads elsewhere")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise requests.ConnectionError("a packed answer, though none was asked for")
            content = bytearray()
            while len(content) <= self._most:
                block = answer.raw.read(min(1 << 16, self._most), decode_content=False)
                if not block:
                    break
                content += block
        if len(content) > self._most:
            raise requests.ConnectionError(f"an answer of more than {self._most} bytes")
        self.received += len(content)
        answer._content = bytes(content)
        answer.json = partial(read_json, answer._content)  # type: ignore[method-assign]


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
