"""Links in a narrative: hosts behind a user's name, chats with a phone, references with letters."""

from __future__ import annotations

import pytest

from tests.support.role_words import named_in


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
        ("on s3.us-east-2.amazonaws.com/evil/a.html", [("domain", "evil.s3.amazonaws.com")]),
        ("Ich habe es bei kurier.at gemeldet", [("domain", "kurier.at")]),
        ("war bei mir.es war", []),
        ("notwa.me/18885550123", [("domain", "notwa.me"), ("phone", "+18885550123")]),
        ("sip:18885550123@provider.example.net", [("phone", "+18885550123")]),
        ("<sip:8885550123@pbx.example.net;user=phone>", [("phone", "+18885550123")]),
        ("sips:+442079460018;tag=1@x.net:5061", [("phone", "+442079460018")]),
        ("sip:anna@example.net", []),
        ("invoice INV-8885550123", []),
        ("AWB 8885550123, RMA#8885550123", []),
    ],
)  # fmt: skip
def test_what_a_link_names(text, wanted):
    assert named_in(text) == wanted


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("Amazon-Refund.com", ["amazon-refund.com"]),
        ("visit Amazon-Refund.com now", ["amazon-refund.com"]),
        ("AMAZON-REFUND.COM popped up", ["amazon-refund.com"]),
        ("gehen Sie auf amazon-hilfe.de", ["amazon-hilfe.de"]),
        ("una ventana de amazon-soporte.es", ["amazon-soporte.es"]),
        ("la página era soportewindows.es", ["soportewindows.es"]),
        ("aller sur assistance.fr tout de suite", ["assistance.fr"]),
        ("a pop-up from microsoft-alert.de", ["microsoft-alert.de"]),
        ("windows-defender.it appeared", ["windows-defender.it"]),
        ("techhelpers.online", ["techhelpers.online"]),
        ("he called.It was late", []),
        ("I went to the page.So I did", []),
        ("thanks.In the end", []),
        ("he hung-up.so I left", []),
        ("follow-up.in the morning", []),
        ("a call-back.no answer", []),
        ("call.me back, tell.us more", []),
        ("at 10.am or 5.pm, version 10.2.it works", []),
        ("node.js, report.pdf, teamviewer.exe", []),
        ("Mr.Smith of Co.Ltd in the U.S.A.", []),
    ],
)
def test_bare_names_are_sites_where_words_or_their_own_form_say_so(text, domains):
    assert [value for kind, value in named_in(text) if kind == "domain"] == domains
