"""Whatever is sent is refused in one line, unless every byte of it is as it must be."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st
from jsonschema import Draft202012Validator
from msgspec import UNSET, structs

from reports import letters, signing
from reports.letters import OfferError
from schemas import contract_docs
from schemas.offer import (
    CountryCount,
    Offer,
    OfferedCluster,
    OfferedEntity,
    OfferedEvidence,
    OfferedLoss,
    Revocation,
    Terms,
)

KEY = signing.make_signing_key()

OFFER = Offer(
    sender="microsoft",
    recipient="amazon",
    issued_at="2026-06-01T00:00:00Z",
    expires_at="2026-07-01T00:00:00Z",
    tlp="TLP:AMBER+STRICT",
    terms=Terms(confidence_floor=75, k=5, least_reports=2, loss_unit=1000),
    entities=(
        OfferedEntity("domain:amzn-refund.support", "lure_site", 80, 1),
        OfferedEntity("phone:+18885550123", "callback", 99, 1),
    ),
    evidence=(
        OfferedEvidence((0, 1), "complaint", 14, "2026-W09"),
        OfferedEvidence((1,), "call", 2, "2026-W10"),
    ),
    clusters=(OfferedCluster((CountryCount("US", 9),), 7, (OfferedLoss(3000, "USD"),), 1),),
    called=(1,),
)

REVOKED = Revocation("microsoft", "amazon", "2026-06-02T00:00:00Z", ("a" * 64,))

NOW = datetime(2026, 6, 2, tzinfo=UTC)


def parse_offer(content, org):
    return letters.parse_file(content, org, Offer, Revocation)


def plain(value=OFFER):
    return json.loads(signing.canonical_json(value))


def refused(content, word="."):
    with pytest.raises(OfferError, match=word) as error:
        parse_offer(content, "microsoft")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300
    return str(error.value)


@pytest.mark.parametrize("value", [OFFER, REVOKED])
def test_what_was_written_is_read(value):
    assert parse_offer(signing.canonical_json(value), "microsoft") == value


def test_a_call_that_one_person_alone_made_is_not_called():
    evidence = (OfferedEvidence((0, 1), "complaint", 1, "2026-W09"),)
    clusters = (OfferedCluster((), None, (), 1),)
    lone = structs.replace(OFFER, evidence=evidence, clusters=clusters)
    refused(signing.canonical_json(lone), "called")


def test_an_offer_of_before_calls_were_told_is_read():
    before = structs.replace(OFFER, called=UNSET)
    assert "called" not in plain(before)
    assert parse_offer(signing.canonical_json(before), "microsoft") == before


@pytest.mark.parametrize("called", [[], [0], [2], [1, 1], [-1], ["1"], 1, True])
def test_only_numbers_on_offer_are_called_each_once(called):
    refused(signing.canonical_json(plain() | {"called": called}), "called")


@pytest.mark.parametrize(("name", "value"), [("offer", OFFER), ("revocation", REVOKED)])
def test_the_published_schema_allows_it_and_nothing_more(name, value):
    schema = Draft202012Validator(contract_docs.json_schemas()[f"exchange/{name}"])
    whole = plain(value)
    assert schema.is_valid(whole)
    for holder, step in leaves(whole):
        before = holder[step]
        holder[step] = {"not": "this"}
        assert not schema.is_valid(whole)
        holder[step] = before
    assert not schema.is_valid(whole | {"victim_id": "v-77"})
    assert not schema.is_valid(whole | {"version": 2})


LONG = "domain:" + "a" * 10_000


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("sender", "../../etc", "sender"),
        ("version", 2, "ask for version 1"),
        ("format", "other", "neither"),
        ("expires_at", "2026-05-01T00:00:00Z", "expires_at"),
        ("terms.k", 0, "terms"),
        ("terms.k", "5", "terms.k"),
        ("terms.more", 5, "unknown field"),
        ("entities.0.entity_id", LONG, r"entities\[0\].entity_id"),
        ("entities.0.entity_id", "domain:a\u202eb.com", "entity_id"),
        ("entities.0.entity_id", "carrier:acme", "entity_id"),
        ("entities.0.entity_id", "phone:=HYPERLINK(1)", "entity_id"),
        ("entities.0.entity_id", "domain:Amzn-Refund.support", "entity_id"),
        ("entities.0.entity_id", "domain:amzn-refund.support#1\u0663", "entity_id"),
        ("entities.0.entity_id", "domain:me@amzn-refund.support", "entity_id"),
        ("entities.0.entity_id", "email:Victim@example.org", "entity_id"),
        ("entities.0.entity_id", "account:iban:gb29nwbk60161331926819", "entity_id"),
        ("entities.0.entity_id", "remote:withheld-0123456789abcdef", "entity_id"),
        ("entities.0.entity_id", "phone:+1\uff18\uff18\uff188555012", "entity_id"),
        ("entities.0.entity_id", "phone:+18885550123#1", "entity_id"),
        ("issued_at", "\uff12026-06-01T00:00:00Z", "issued_at"),
        ("evidence.0.week", "2026-W0\uff19", "week"),
        ("entities.0.entity_id", None, "Expected `str`"),
        ("entities.0.role", "caller_id", "role"),
        ("entities.0.confidence", 74, "confidence"),
        ("entities.0.confidence", 0.9, "canonical|Expected `int`"),
        ("entities.0.cluster", 2, "cluster"),
        ("entities.0.entity_id", "phone:+18885550123", "entities"),
        ("evidence.0.entities", [], "evidence"),
        ("evidence.0.entities", [0, 2], "evidence"),
        ("evidence.0.entities", list(range(21)), "evidence"),
        ("evidence.0.reports", 0, "reports"),
        ("evidence.0.week", "2026-W54", "week"),
        ("evidence.0.week", "2026-W30", "week"),
        ("clusters.0.number", 2, "number"),
        ("clusters.0.elsewhere", -1, "elsewhere"),
        ("clusters.0.countries.0.victims", 4, "country"),
        ("clusters.0.countries.0.country", "XX", "country"),
        ("clusters", [], "cluster"),
        ("evidence", {}, "Expected `array`"),
    ],
)
def test_a_wrong_field_is_named(path, value, word):
    whole = plain()
    node, *_ = [whole]
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for step in way:
        node = node[step]
    node[last] = value
    content = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    said = refused(content, word)
    assert "etc" not in said
    assert "HYPERLINK" not in said


def test_one_value_has_one_form():
    content = signing.canonical_json(OFFER)
    refused(content.replace(b'"k":5', b'"k":6,"k":5'), "canonical")
    refused(content.replace(b'"k":5', b'"k": 5'), "canonical")
    refused(content.replace(b'"k":5', b'"k":5.0'), "canonical|Expected `int`")
    refused(content.replace(b"amazon", b"\\u0061mazon"), "canonical")
    refused(content + b"\n", "canonical")
    refused(b"\xef\xbb\xbf" + content)


scalars = st.none() | st.booleans() | st.integers() | st.text() | st.floats()


@given(st.data())
def test_any_value_anywhere_is_refused_or_read_as_it_is(data):
    """Every leaf in turn is replaced by anything: never a crash, never another meaning."""
    whole = plain()
    spots = list(leaves(whole))
    holder, step = data.draw(st.sampled_from(spots))
    holder[step] = data.draw(scalars | st.lists(scalars, max_size=2))
    try:
        content = signing.canonical_json(whole)
    except (ValueError, UnicodeEncodeError):
        return
    try:
        offer = parse_offer(content, "microsoft")
    except OfferError as error:
        assert "\n" not in str(error)
    else:
        assert signing.canonical_json(offer) == content


def leaves(value):
    for step, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(inner, dict | list) and inner:
            yield from leaves(inner)
        yield value, step


@pytest.mark.parametrize(
    ("expires_at", "void"),
    [
        ("2026-06-01T23:59:59Z", True),
        ("2026-06-02T00:00:00Z", True),
        ("2026-06-02T00:00:01Z", False),
    ],
)
def test_it_is_void_from_its_last_moment_on(expires_at, void):
    assert letters.offer_expired(structs.replace(OFFER, expires_at=expires_at), NOW) == void


def test_a_long_validity_and_a_long_revocation_are_refused():
    offers = tuple(f"{number:064x}" for number in range(letters.MAX_REVOKED + 1))
    refused(signing.canonical_json(structs.replace(REVOKED, offers=offers)), "offers")
    longest = structs.replace(OFFER, expires_at="2027-06-02T00:00:00Z")
    assert parse_offer(signing.canonical_json(longest), "microsoft")
    longer = structs.replace(OFFER, expires_at="2027-06-03T00:00:00Z")
    refused(signing.canonical_json(longer), "expires_at")


@pytest.mark.parametrize(
    "entity_id",
    [
        "phone:+18885550123#12",
        "domain:oops1x.z13.web.core.windows.net",
        "domain:xn--amzn-refnd-geb.support#2",
        "email:help.desk+7@amzn-refund.support",
        "account:iban:GB29NWBK60161331926819",
        "account:ifsc:HDFC0000123:123456789",
        "handle:whatsapp:AbCdEfGhIjKlMnOpQrStUv",
        "url:bit.ly/AbC",
        "wallet:btc:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    ],
)
def test_ids_as_a_run_has_them_are_read(entity_id):
    offer = offer_of(entity_id)
    assert parse_offer(signing.canonical_json(offer), "microsoft") == offer


def offer_of(entity_id):
    both = OFFER.entities[1], structs.replace(OFFER.entities[0], entity_id=entity_id)
    ids = tuple(sorted(both, key=lambda entity: entity.entity_id))
    return structs.replace(OFFER, entities=ids, called=UNSET)


@pytest.mark.parametrize(
    "entity_id",
    [
        "account:upi:<b>x</b>@okaxis",
        "account:bank:john smith 12025550100",
        'wallet:btc:=HYPERLINK("https://x.example")',
        "handle:telegram:a|b",
        "remote:any desk:123456789",
        "account:123456789",
    ],
)
def test_no_text_passes_as_an_id(entity_id):
    refused(signing.canonical_json(offer_of(entity_id)), "entity_id")
