"""The address of a webhook: where alerts may be sent."""

from __future__ import annotations

from urllib.parse import urlsplit


def check_url(url: str) -> str | None:
    """What is wrong with a webhook's address, if anything."""
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is no http(s) address"
    if parts.scheme == "http" and not local:
        return "would send alerts in clear; give an https address"
    return None
