"""The count is right, nothing else is in the letters, and a size that was not declared fails."""

import hashlib
import secrets

import pytest
from hypothesis import given, strategies as st

from reports.exchange import victim_overlap
from reports.letters import OfferError
from schemas.offer import MIN_SET_SIZE, POINT_BYTES, TAG_BYTES, SetSize

SESSION = bytes(32)


def counted(asked, answered):
    a, b = victim_overlap.new_secret(), victim_overlap.new_secret()
    points = victim_overlap.request_points(a, SESSION, asked)
    again, tags = victim_overlap.answer_points(b, SESSION, points, answered)
    return victim_overlap.count_shared(a, SESSION, again, tags)


def people(*numbers):
    return [f"+1202555{n:04d}" for n in numbers]


@pytest.mark.parametrize(
    ("asked", "answered", "shared"),
    [
        (range(50), range(30, 90), 20),
        (range(50), range(50, 90), 0),
        ([7], range(1500), 1),
        ([7, 7, 7], [7, 7], 1),
    ],
)
def test_known_overlaps(asked, answered, shared):
    assert counted(people(*asked), people(*answered)) == shared


def test_the_hash_to_the_group_is_that_of_rfc_9496():
    """Appendix A.3, the first input."""
    label = b"Ristretto is traditionally a short shot of espresso coffee"
    point = victim_overlap.ristretto255().crypto_core_ristretto255_from_hash(
        hashlib.sha512(label).digest()
    )
    assert point.hex() == "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46"


def test_sizes_are_hidden_and_what_is_shown_is_of_one_session():
    secret = victim_overlap.new_secret()
    few, many = (
        victim_overlap.request_points(secret, SESSION, people(*range(n))) for n in (3, 900)
    )
    assert len(few) == len(many) == MIN_SET_SIZE
    again = victim_overlap.request_points(secret, secrets.token_bytes(32), people(*range(900)))
    assert not set(many) & set(again)
    # With the same secret and session only the true elements return: the others are new each time.
    assert len(set(few) & set(many)) == 3


def test_the_order_of_what_was_asked_is_gone():
    a, b = victim_overlap.new_secret(), victim_overlap.new_secret()
    points = victim_overlap.request_points(a, SESSION, people(*range(100)))
    again, tags = victim_overlap.answer_points(b, SESSION, points, people(1))
    assert again == sorted(again)
    assert tags == sorted(tags)
    assert not set(points) & set(again)


def allowed(size):
    (check,) = SetSize.__metadata__
    return check.holds(size)


POINTS = victim_overlap.request_points(victim_overlap.new_secret(), SESSION, people(*range(5)))


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (POINTS[:-1], "declares 1024 elements and contains 1023"),
        ([*POINTS, b"\xff" * 32], "declares 1024 elements and contains 1025"),
        ([POINTS[0], *POINTS[:-1]], "twice"),
        (POINTS[::-1], "not sorted"),
        ([*POINTS[:-1], POINTS[-1][:-1]], "declares"),
    ],
)
def test_a_cheating_size_is_refused(parts, word):
    with pytest.raises(OfferError, match=word):
        victim_overlap.decode_elements(
            victim_overlap.encode_elements(parts), POINT_BYTES, MIN_SET_SIZE
        )


@pytest.mark.parametrize("point", [bytes(32), b"\xff" * 32, b"\1" + bytes(31), bytes(31)])
def test_what_is_no_point_of_the_group_is_refused(point):
    with pytest.raises(OfferError, match="not in the group"):
        victim_overlap.mask_points(victim_overlap.new_secret(), [point])


@given(st.integers(0, 3_000_000))
def test_the_filled_up_size_holds_all_and_is_allowed(count):
    size = victim_overlap.padded_size(count)
    assert size >= count
    assert allowed(size) and not allowed(size - 1)
    assert size == MIN_SET_SIZE or size < 2 * count


def test_no_bit_tells_padding_from_the_tags_of_people():
    secret = victim_overlap.new_secret()
    _, tags = victim_overlap.answer_points(secret, SESSION, [], people(1))
    assert len(tags) == MIN_SET_SIZE  # all but one are padding
    for start in range(8 * TAG_BYTES):
        assert 0.35 < sum(tag[start // 8] >> start % 8 & 1 for tag in tags) / len(tags) < 0.65
