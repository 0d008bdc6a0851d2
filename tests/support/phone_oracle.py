"""Millions of draws against phonenumbers: `python -m tests.support.phone_oracle [DRAWS] [SEED]`.

A draw is an example number of some region and type, half the time with digits changed, in some
written form, under its own region, a common one, or none. It is read by
`transforms.phone.plain_number` and by phonenumbers, and both must read the same.
"""

from __future__ import annotations

import sys
import time
from random import Random

import phonenumbers as pn

from transforms.phone.plain_number import read_plain

COMMON = tuple(
    """
    US CA GB DE ES IN AU FR IT NL BE AT CH IE PT PL SE DK GR CZ RO HU NZ ZA NG PK BD PH SG MY HK
    JP KR CN TH VN ID AE SA IL TR UA PE CO CL
    """.split()
)
"""Regions of victims, of operators, and of large populations."""

_KINDS = [kind for kind in pn.PhoneNumberType.values() if kind != pn.PhoneNumberType.UNKNOWN]

_FORMS = (
    pn.PhoneNumberFormat.E164,
    pn.PhoneNumberFormat.INTERNATIONAL,
    pn.PhoneNumberFormat.NATIONAL,
    pn.PhoneNumberFormat.NATIONAL,
)

_SIGNS = (
    str.maketrans("0123456789+-()", "０１２３４５６７８９＋－（）"),
    *(
        str.maketrans(" -", signs)
        for signs in ("\xa0\u2011", "--", ".\u2013", "/\u2212", "\u3000-")
    ),
)

_EXTENSIONS = (" ext. ", " x", "x ", " extension ", ";ext=", " Ext", ", ext ", "ext.", " #", " x.")

_PREFIXES = ("", "", "", "", "00", "011", "0011", "0", "1")


def examples() -> list[tuple[str, pn.PhoneNumber]]:
    """Every region's example of every type of number that it has."""
    numbers = (
        (region, pn.example_number_for_type(region, kind))
        for region in sorted(pn.SUPPORTED_REGIONS)
        for kind in _KINDS
    )
    return [(region, number) for region, number in numbers if number]


def draw(rng: Random, known: list[tuple[str, pn.PhoneNumber]]) -> tuple[str, str | None]:
    """One written number and the region to read it under."""
    region, number = rng.choice(known)
    written = pn.format_number(number, rng.choice(_FORMS))
    if rng.random() < 0.5:
        places = [i for i, c in enumerate(written) if c.isdigit()]
        digits = list(written)
        for place in rng.sample(places, min(len(places), rng.randint(1, 4))):
            digits[place] = str(rng.randrange(10))
        written = "".join(digits)
    if rng.random() < 0.3:
        written = "".join(c for c in written if c.isdigit())
    if rng.random() < 0.3:
        written = rng.choice(_PREFIXES) + written
    if rng.random() < 0.2:
        written = written.translate(rng.choice(_SIGNS))
    if rng.random() < 0.2:
        written += rng.choice(_EXTENSIONS) + str(rng.randrange(10 ** rng.randint(1, 8)))
    under = region if rng.random() < 0.5 else rng.choice((*COMMON, None))
    return written, under


def oracle(text: str, region: str | None) -> tuple[str, str | None, str, bool] | None:
    """E.164, region, line type, and whether written nationally, by phonenumbers alone."""
    try:
        number = pn.parse(text, region, keep_raw_input=True)
    except pn.NumberParseException:
        return None
    if not pn.is_valid_number(number):
        return None
    return (
        pn.format_number(number, pn.PhoneNumberFormat.E164),
        pn.region_code_for_number(number),
        pn.PhoneNumberType.to_string(pn.number_type(number)).lower(),
        number.country_code_source == pn.CountryCodeSource.FROM_DEFAULT_COUNTRY,
    )


def main() -> None:
    """Print what was drawn, read, and read differently; exit 1 on a difference."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    known = examples()
    valid = read = refused = different = 0
    started = time.perf_counter()
    for _ in range(draws):
        text, region = draw(rng, known)
        wanted, ours = oracle(text, region), read_plain(text, region)
        valid += wanted is not None
        if ours is None:
            continue
        reading = (ours.e164, ours.region, ours.line_type, ours.national)
        read += bool(ours.line_type)
        refused += not ours.line_type
        if (reading if ours.line_type else None) != wanted:
            different += 1
            sys.stdout.write(f"{text!r} in {region}: {reading}, phonenumbers {wanted}\n")
    sys.stdout.write(
        f"{draws:,} draws, {valid:,} valid by phonenumbers {pn.__version__}, {read:,} read and "
        f"{refused:,} refused, {different} different, "
        f"{time.perf_counter() - started:.0f} s\n"
    )
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
