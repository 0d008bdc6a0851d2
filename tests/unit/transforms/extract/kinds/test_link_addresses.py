"""An address in a link is its victim's, however it is encoded; one beside a link is not in it."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from transforms.extract.kinds import url

HIDDEN = [
    ("https://evil.example/p?e=jane@home.org&x=1", "https://evil.example/p?e=####@####.###&x=1"),
    ("go to evil.example/jane%40home.org now", "go to evil.example/####%######.### now"),
    ("https://evil.example/#amFuZUBob21lLm9yZw==", "https://evil.example/###################=="),
    (
        "https://evil.example/?e=amFuZUBob21lLm9yZw&x",
        "https://evil.example/?e=##################&x",
    ),
    ("hxxps://evil[.]example/#jane&#64;home.org", "hxxps://evil[.]example/#####&###;####.###"),
    (r"evil.example/?e=jane\u0040home\x2eorg&x=1", r"evil.example/?e=####\#########\######&x=1"),
    ("https://evil.example/p?phone=12025550143&x", "https://evil.example/p?phone=###########&x"),
    (
        "https://evil.example/#iban=GB29NWBK60161331926819",
        "https://evil.example/#iban=######################",
    ),
    ("https://evil.example/?to=%201202555014", "https://evil.example/?to=%20##########"),
    (
        "https://evil.example/?first_name=Jane&city=Leeds&ip=86.1.2.3&os=win&n=888-654-0175",
        "https://evil.example/?first_name=####&city=#####&ip=##.#.#.#&os=win&n=888-654-0175",
    ),
    ("evil.example/a?dob=3-4-1950;Pin=Kit99#x", "evil.example/a?dob=#-#-####;Pin=######x"),
]


@pytest.mark.parametrize(("text", "shown"), HIDDEN)
def test_an_address_in_a_link_is_masked(text, shown):
    assert url.mask_link_addresses(pa.array([text, None])).to_pylist() == [shown, None]


@pytest.mark.parametrize(
    "text",
    [
        "jane@home.org",
        "mail jane@home.org or https://evil.example/x",
        "https://paypal.com@evil.example/login",
        "a@home.org/b@home.org",
        "https://evil.example/@jane",
        "https://evil.example/?token=c29tZXRoaW5nIGVsc2UK",
        "https://evil.example/a-long-name-of-a-page/of-some-sort",
        "and/or jane@home.org",
        "https://evil.example/?bcda=1-800-654-0175&n=18886540175&m=8886540175",
        "https://evil.example/?call=+12025550143",
        "https://evil.example/?tfn=1-888-654-0175",
        "https://evil.example/?brand_name_id=x&support=amazon&id=tenant-1&page=city",
        "https://evil.example/61551234567890",
    ],
)
def test_what_is_no_part_of_a_link_stays(text):
    assert url.mask_link_addresses(pa.array([text])).to_pylist() == [text]


@pytest.mark.parametrize("letter", ["\u017f", "\u212a"], ids=["long-s", "kelvin"])
def test_a_letter_that_is_another_where_case_is_ignored_is_no_base64(letter):
    """It is an s or a k for a pattern that ignores case, and nothing to decode."""
    text = f"https://evil.example/?x=AbCdEfGh{letter}jKl&e=amFuZUBob21lLm9yZw{letter}"
    masked = text.replace("amFuZUBob21lLm9yZw", "#" * 18)
    assert url.mask_link_addresses(pa.array([text])).to_pylist() == [masked]


@given(st.lists(st.text(st.sampled_from("a1.@/?#%40&;: -"), max_size=40), max_size=4))
def test_nothing_but_letters_and_digits_changes(texts):
    shown = url.mask_link_addresses(pa.array(texts, pa.string())).to_pylist()
    for text, masked in zip(texts, shown, strict=True):
        assert len(text) == len(masked)
        assert all(new in (old, "#") for old, new in zip(text, masked, strict=True))


LINKS = st.lists(
    st.sampled_from(["amFuZUBob21lLm9yZw", "jane@home.org", *"/:?#=&. a", "x.com", "https:"]),
    max_size=9,
)


@given(LINKS.map("".join))
def test_the_hint_matches_every_text_with_an_address(text):
    (hint,) = url.LINK_HINTS
    assert pc.match_substring_regex(pa.array([text]), hint)[0].as_py() or not any(
        url.link_address_spans(text)
    )
