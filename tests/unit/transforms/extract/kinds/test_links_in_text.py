"""Links in a narrative: hosts behind a user's name, chats with a phone, references with letters."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.extract import narrative


def named(text):
    found = narrative.find_in_narratives(pa.array([text]), pa.array(["US"]), pa.array(["amazon"]))
    return list(zip(found["kind"].to_pylist(), found["value"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("open http://amazon.com@evil.example.net/x", [("domain", "example.net")]),
        ("open https://user:pay@evil.example.net", [("domain", "example.net")]),
        ("hxxp://amazon.com@evil[.]example[.]net", [("domain", "example.net")]),
        ("mail a@evil.example.net / b@example.org",
         [("email", "a@evil.example.net"), ("email", "b@example.org")]),
        ("see http://example.net/ or a@example.org",
         [("email", "a@example.org"), ("domain", "example.net")]),
        ("https://evil.example.net/p?e=jane@example.org", [("domain", "example.net")]),
        ("evil.example.net/p/jane@example.org.", [("domain", "example.net")]),
        ("evil.example.net/p/jane%40example.org.", [("domain", "example.net")]),
        ("a@evil.example.net/b@example.org",
         [("email", "a@evil.example.net"), ("email", "b@example.org")]),
        ("wa.me/18885550123", [("phone", "+18885550123")]),
        ("at https://wa.me/+18885550123?text=hi.", [("phone", "+18885550123")]),
        ("https://api.whatsapp.com/send?phone=%2B18885550123&a=b", [("phone", "+18885550123")]),
        ("https://web.whatsapp.com/send/?phone=18885550123", [("phone", "+18885550123")]),
        ("wa.me/123", []),
        ("notwa.me/18885550123", [("domain", "notwa.me"), ("phone", "+18885550123")]),
        ("invoice INV-8885550123", []),
        ("AWB 8885550123, RMA#8885550123", []),
    ],
)  # fmt: skip
def test_what_a_link_names(text, wanted):
    assert named(text) == wanted
