"""Numbers of the simulator, against libphonenumber."""

from random import Random

import phonenumbers
from hypothesis import given, strategies as st

from pipelines.simulate import identifiers
from pipelines.simulate.identifiers import COUNTRIES

SEEDS = st.integers(0, 2**32)

LINES = st.sampled_from(["service", "geographic"])

PLACES = st.sampled_from([*COUNTRIES])


def e164(raw, region):
    parsed = phonenumbers.parse(raw, region)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@given(SEEDS, PLACES, LINES)
def test_drawn_numbers_are_valid_in_their_country(seed, country, line):
    number = identifiers.draw_number(Random(seed), country, line)
    parsed = phonenumbers.parse(number)
    assert phonenumbers.is_valid_number(parsed)
    assert str(parsed.country_code) == COUNTRIES[country]["calling_code"]


@given(SEEDS, PLACES, LINES)
def test_valid_is_what_the_library_calls_valid(seed, country, line):
    rng = Random(seed)
    prefix, rest = rng.choice(COUNTRIES[country][line])
    number = f"+{COUNTRIES[country]['calling_code']}{prefix}{identifiers.digits(rng, rest)}"
    assert identifiers.is_valid(number) == phonenumbers.is_valid_number(phonenumbers.parse(number))


@given(SEEDS, PLACES, PLACES, LINES)
def test_any_way_of_writing_leads_back(seed, home, victims, line):
    rng = Random(seed)
    number = identifiers.draw_number(rng, home, line)
    for _ in range(5):
        assert e164(identifiers.write_number(rng, number, victims), victims) == number


@given(SEEDS, PLACES)
def test_neighbours_share_all_but_four_digits(seed, country):
    rng = Random(seed)
    number = identifiers.draw_number(rng, country, "geographic")
    near = identifiers.neighbour(rng, number)
    assert near[:-4] == number[:-4]
    assert near != number
    assert identifiers.is_valid(near)
