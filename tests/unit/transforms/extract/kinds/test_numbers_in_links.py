"""Numbers that links carry: found under any key, called where nobody could hold them at home."""

from __future__ import annotations

from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.role_words import in_narrative
from transforms.extract.kinds import phone_link, url

PLACES = ("/{n}", "/{n}/index.html", "/call-{n}.php", "/a?{k}={n}", "/a?x=1&{k}={n}&y=2",
          "/a#{k}={n}", "#{n}", "?{k}=tel:{n}", "/a;{k}={n}", "/p/{k}_{n}")  # fmt: skip

WRITTEN = ("1-800-654-0175", "+1 800 654 0175", "+18006540175", "(800) 654-0175", "1.800.654.0175")


def carried(link, region="US"):
    matches = [match for match in url.from_field(link, region) if match.kind == "phone"]
    return [(match.value, str(match.role)) for match in matches]


@given(
    st.sampled_from(PLACES),
    st.sampled_from(WRITTEN),
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.integers(0, 2),
    st.sampled_from(["evil.com", "x.z13.web.core.windows.net", "x.ondigitalocean.app"]),
)
def test_a_number_is_found_under_any_key_however_it_is_encoded(place, number, key, times, host):
    for _ in range(max(times, " " in number)):
        number = quote(number, safe="")
    assert carried(f"https://{host}{place.format(n=number, k=key)}") == [
        ("+18006540175", "callback")
    ]


@pytest.mark.parametrize(
    ("link", "region", "numbers"),
    [
        ("https://evil.com/?bcda=1-800-654-0175", None, [("+18006540175", "callback")]),
        ("https://evil.com/?bcda=18006540175", "GB", [("+18006540175", "callback")]),
        ("https://evil.com/?n=8006540175", "US", [("+18006540175", "callback")]),
        ("https://evil.com/?n=1+800+654+0175", "US", [("+18006540175", "callback")]),
        ("https://evil.com/?n=0800-496-0810", "GB", [("+448004960810", "callback")]),
        ("https://evil.com/?n=%2B12025550143", "US", [("+12025550143", "callback")]),
        ("https://evil.com/?n=202-555-0143", "US", [("+12025550143", "callback")]),
        ("https://evil.com/?n=2025550143", "US", [("+12025550143", "mentioned")]),
        # The digits of an order are no toll-free line's because they could be.
        ("https://evil.com/?order=8006540175", "US", [("+18006540175", "mentioned")]),
        ("https://evil.com/?utm_campaign=8006540175", "US", [("+18006540175", "mentioned")]),
        ("https://evil.com/?u=a%3Futm_term%3D8006540175", "US", [("+18006540175", "mentioned")]),
        (
            "https://evil.com/?u=https%3A%2F%2Fb.evil.com%2F%3Fbcda%3D1-800-654-0175",
            "US",
            [("+18006540175", "callback")],
        ),
        ("https://evil.com/?order=202-555-0143", "US", [("+12025550143", "mentioned")]),
        ("https://evil.com/?msisdn=%2B12025550143", "US", [("+12025550143", "mentioned")]),
        ("https://evil.com/?x=33349-6767", "IT", [("+39333496767", "mentioned")]),
        ("https://evil.com/?x=49.912247", "DE", [("+49912247", "mentioned")]),
        ("https://evil.com/?order=800-654-0175", "US", [("+18006540175", "callback")]),
        # A link that was made for its reader, as the address shows, may hold the reader's number.
        ("https://evil.com/?n=202-555-0143&e=jo@home.org", "US", [("+12025550143", "mentioned")]),
        ("https://evil.com/?n=800-654-0175&e=jo@home.org", "US", [("+18006540175", "callback")]),
        # A page about a number does not want it called.
        ("https://800notes.com/Phone.aspx/1-800-654-0175", "US", [("+18006540175", "mentioned")]),
        ("https://www.google.com/search?q=1-800-654-0175", "US", [("+18006540175", "mentioned")]),
        ("https://evil.com/?t=1699999999&id=123456789012345&d=2024-11-04", "US", []),
        ("https://evil.com/a8006540175b/18006540175999", "US", []),
        ("https://evil.com/?gclid=Cj0KCQ8006540175", "US", []),
    ],
)
def test_role_of_a_number_in_a_link(link, region, numbers):
    assert carried(link, region) == numbers


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("opened https://wa.me/18006540175", "callback"),
        ("opened https://api.whatsapp.com/send?text=hi&phone=%2B919812345678", "callback"),
        ("opened https://api.whatsapp.com/send?phone=919812345678", "mentioned"),
        ("opened https://t.me/+919812345678", "callback"),
        ("opened whatsapp://send?phone=919812345678", "mentioned"),
    ],
)
def test_links_to_a_chat(text, role):
    assert [str(match.role) for match in phone_link.find(text)] == [role]


@pytest.mark.parametrize(
    "link",
    ["tel:%2B1-800-654-0175", "tel:%252B18006540175", "sms:+18006540175",
     "https://t.me/+18006540175", "https://wa.me/18006540175/",
     "whatsapp://send?phone=%2B18006540175", "skype:+18006540175?call"],
)  # fmt: skip
def test_a_link_that_is_a_number(link):
    assert phone_link.phone_of_link(link).replace("-", "") == "+18006540175"


def test_a_link_in_a_narrative_names_its_holder_and_its_number():
    text = "A pop-up at https://x.z13.web.core.windows.net/?bcda=1-800-654-0175 would not close."
    matches = [mention.match for mention in in_narrative(text)]
    assert sorted((m.kind, m.value, text[m.start : m.end]) for m in matches) == [
        ("domain", "x.z13.web.core.windows.net",
         "https://x.z13.web.core.windows.net/?bcda=1-800-654-0175"),
        ("phone", "+18006540175", "1-800-654-0175"),
    ]  # fmt: skip


KEYS = ["gclid", "MSCLKID", "fbclid", "gbraid", "wbraid", "ttclid", "twclid", "dclid"]


@given(
    st.sampled_from(KEYS),
    st.from_regex(r"[A-Za-z0-9_-]{8,60}", fullmatch=True),
    st.sampled_from(["https://bit.ly/AbC", "https://sites.google.com/view/x", "https://x.pages.dev/p",
                     "https://x.app.link/AbC", "https://forms.office.com/r/AbC"]),
    st.sampled_from("?&;#"),
)  # fmt: skip
def test_a_click_id_ties_nothing_and_is_masked(key, click, link, sign):
    tracked = f"{link}{sign}{key}={click}"
    sites = [match.entity_id for match in url.from_field(tracked) if match.kind != "phone"]
    assert sites == [match.entity_id for match in url.from_field(link)]
    shown = url.mask_link_addresses(pa.array([tracked]))[0].as_py()
    assert shown.startswith(f"{link}{sign}{key}=") and not any(
        map(str.isalnum, shown[-len(click) :])
    )
