"""PASSporTs: malformed tokens, and signatures where keys are given."""

import base64
import json

import pytest
from hypothesis import given, strategies as st

from schemas.enums import RecordKind
from tests.support.made_up_evidence import mentions_of
from tests.support.made_up_records import calls
from transforms.extract.evidence import call_evidence, extract_calls
from transforms.extract.fields import call_mentions
from transforms.read.adapters.shaken_passport import read_passports
from transforms.read.files import ReadOptions
from transforms.read.framing import Origin, Record
from transforms.redact.records import withhold_from_calls
from transforms.redact.rejects import mask_rejected_text
from transforms.validate import validate_calls
from transforms.victims.stated_numbers import stated_victim_numbers

ORIGIN = Origin("a", "passport", RecordKind.CALL)

HEADER = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://x/y.pem"}

CLAIMS = {
    "attest": "A",
    "dest": {"tn": ["12155550131"]},
    "iat": 1443208345,
    "orig": {"tn": "12155550121"},
    "origid": "123e4567-e89b-12d3-a456-426655440000",
}


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(header=HEADER, signature="AA", **changes):
    return f"{part(header)}.{part(CLAIMS | changes)}.{signature}"


def only(line, **how):
    data = line.encode() if isinstance(line, str) else line
    batch, rejects = read_passports(ORIGIN, [Record(1, data, len(data))], ReadOptions(**how))
    assert batch.num_rows + len(rejects) == 1
    return batch.to_pylist()[0] if batch.num_rows else str(rejects[0].code)


def test_a_token_is_the_same_call_in_every_form():
    bare = token()
    forms = [
        bare,
        f"Identity: {bare};info=<https://x>;alg=ES256;ppt=shaken",
        f'{bare};info=<https://x>alg=ES256;ppt="shaken"',
        json.dumps({"identity": f"{bare};info=<https://x>", "label": "x"}),
    ]
    rows = [only(form) for form in forms]
    assert len({row["call_id"] for row in rows}) == 1
    assert rows[0]["started_at"] == "2015-09-25T19:12:25Z"
    assert rows[0]["calling_number"] == "+12155550121"
    assert rows[0]["called_number"] == "+12155550131"
    assert (rows[0]["attestation"], rows[0]["direction"]) == ("A", "inbound")


@pytest.mark.parametrize(
    ("orig", "wanted"),
    [
        ({"tn": ["12155550121"]}, "+12155550121"),
        ('{"tn":"12155550121"}', "+12155550121"),
        ({"tn": "02155550121"}, "02155550121"),
        ({"tn": "Bob"}, "Bob"),
        ({"uri": "sip:bob@example.com"}, "sip:bob@example.com"),
        ("x", None),
    ],
)
def test_the_calling_party_in_all_its_forms(orig, wanted):
    assert only(token(orig=orig))["calling_number"] == wanted


@pytest.mark.parametrize(
    ("x5u", "wanted"),
    [
        ("https://Cert.Example.com/a.pem", "cert.example.com"),
        ("http://x.example.com:8443/a?b", "x.example.com"),
        ("http://127.0.0.1/404.pem", None),
        ("https://user@cert.example.com/a.pem", None),
        ("https://" + "a." * 2000 + "com/", None),
        (None, None),
    ],
)
def test_who_signed_is_the_host_of_the_certificate(x5u, wanted):
    assert only(token(header=HEADER | {"x5u": x5u}))["carrier"] == wanted


@pytest.mark.parametrize("attest", ["D", 1, None])
def test_an_attestation_that_there_is_none_of_is_no_attestation(attest):
    line = token(attest=attest).encode()
    batch, _ = read_passports(ORIGIN, [Record(1, line, len(line))], ReadOptions())
    assert validate_calls(batch)[0]["attestation"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("ppt", "claims"),
    [
        ("rcd", {"rcd": {"nam": "Amazon", "icn": "https://i.example/a.png"}, "crn": "refund"}),
        ("rcd", {"rcd": {"nam": "Amazon", "jcd": ["vcard", [["tel", {}, "uri", "tel:+1215"]]]}}),
        (None, {"mky": [{"alg": "sha-256", "dig": "x"}], "rcd": {"nam": "Amazon"}}),
    ],
)
def test_a_passport_of_another_type_is_a_call_too(ppt, claims):
    """RFC 9795, RFC 8443, RFC 8225 section 5.2.2: of what they add only the name is read."""
    apart = {"call_id": None, "raw": None}
    wanted = only(token(rcd={"nam": "Amazon"})) | apart
    assert only(token(header=HEADER | {"ppt": ppt}, **claims)) | apart == wanted
    assert wanted["caller_name"] == "Amazon"


@pytest.mark.parametrize(
    ("div", "wanted"),
    [
        ({"tn": "12155550141"}, "+12155550141"),
        ({"tn": ["12155550141"], "hi": "x"}, "+12155550141"),
        ({"uri": "sip:bob@example.com"}, "sip:bob@example.com"),
        ("x", None),
    ],
)
def test_the_number_that_was_called_before_a_diversion(div, wanted):
    row = only(token(header=HEADER | {"ppt": "div"}, div=div, attest=None, origid=None))
    assert row["diverted_from"] == wanted
    assert row["called_number"] == "+12155550131"


def test_a_diverted_number_is_the_victims_and_a_name_is_kept_as_a_brand():
    """A name that was shown may be an innocent's, and is in no output."""
    lines = [
        token(div={"tn": "12155550141"}, rcd={"nam": "AMAZON Support"}),
        token(div={"tn": "12155550141"}, rcd={"nam": "JOHN Q PUBLIC"}, origid="n12155550141"),
    ]
    records = [Record(i, line.encode(), len(line)) for i, line in enumerate(lines)]
    accepted = validate_calls(read_passports(ORIGIN, records, ReadOptions())[0])[0]
    evidence = call_evidence(accepted)
    roles = {(mention["field"], mention["role"]) for mention in mentions_of(evidence).to_pylist()}
    assert ("diverted_from", "victim") in roles
    assert stated_victim_numbers(accepted, RecordKind.CALL)["entity_id"].to_pylist() == [
        "phone:+12155550131", "phone:+12155550141",
    ]  # fmt: skip
    brand = {row["record_id"]: row["brand"] for row in evidence.to_pylist()}
    kept = withhold_from_calls(extract_calls(accepted).records)
    assert kept["brand"].to_pylist() == ["amazon", None]
    assert list(brand.values()) == ["amazon", None]
    shown = str(kept.to_pylist()).lower()
    assert "2155550141" not in shown and "support" not in shown and "public" not in shown


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_refused_token_shows_no_number(cut):
    whole = token(iat=1443208345)
    parts = f"{whole[cut:]};info=<https://x>".split(".")
    kept = mask_rejected_text(".".join(parts), "call").split(".")
    assert set(kept[1]) == {"#"} or set(kept[1]) <= set("#-_")
    assert len(kept[1]) == len(parts[1]) and kept[0] == parts[0] and kept[2] == parts[2]
    first = part({"orig": {"tn": "12155550121"}, "dest": {"tn": ["12155550131"]}})
    assert set(mask_rejected_text(first[cut % 4 :], "call")) <= set("#-_")


def test_a_number_dialed_by_a_victim_and_answered_by_another_is_only_mentioned():
    batch = calls(
        {"direction": "outbound", "calling_number": "+12155550131", "called_number": "+18882223344",
         "diverted_from": "+18885550123"},
        {"direction": None, "calling_number": "+12155550131", "diverted_from": "+18885550123"},
    )  # fmt: skip
    numbers = [(number["value"], number["role"]) for number in mentioned_numbers(batch)]
    assert numbers == [
        ("+12155550131", "victim"), ("+18882223344", "callback"), ("+18885550123", "mentioned"),
    ]  # fmt: skip


def mentioned_numbers(batch):
    rows = call_mentions(batch).to_pylist()
    return [row | {"value": row["entity_id"].removeprefix("phone:")} for row in rows]


@pytest.mark.parametrize(
    "line",
    [
        "a.b.c",
        token(header={"typ": "JWT"}),
        token(iat="soon"),
        token(iat=10**30),
        '{"identity":5}',
        '{"label":"x"}',
    ],
)
def test_what_is_no_passport(line):
    assert only(line) == "broken_token"


def test_other_breakage_keeps_its_own_code():
    assert only(b"\xff") == "bad_encoding"
    assert only(b"{") == "broken_json"


@given(st.binary(max_size=30) | st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(lambda value: token(orig=value, iat=value).encode()))  # fmt: skip # noqa: E501
def test_any_line_is_one_row_or_one_reject(line):
    only(line)


def test_signatures_are_checked_only_with_keys():
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    def pair():
        key = ec.generate_private_key(ec.SECP256R1())
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return key, key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()

    (key, pem), (_, another_key) = pair(), pair()
    signed = token().rpartition(".")[0]
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    raw = base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=")
    whole = f"{signed}.{raw.decode()}"
    assert only(whole, passport_keys=(another_key, pem))["attestation"] == "A"
    assert only(whole, passport_keys=(another_key,)) == "broken_token"
    assert only(token(), passport_keys=(pem,)) == "broken_token"
    assert only(token())["attestation"] == "A"
