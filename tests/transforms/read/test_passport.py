"""PASSporTs: malformed tokens, and signatures where keys are given."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.kinds import RecordKind
from transforms.read.passport import read
from transforms.read.records import Origin, Record
from transforms.validate.calls import validate_calls

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
    batch, rejects = read(ORIGIN, [Record(1, data, len(data))], **how)
    assert batch.num_rows + len(rejects) == 1
    return batch.to_pylist()[0] if batch.num_rows else str(rejects[0].code)


def test_a_token_is_the_same_call_in_every_dress():
    bare = token()
    dresses = [
        bare,
        f"Identity: {bare};info=<https://x>;alg=ES256;ppt=shaken",
        f'{bare};info=<https://x>alg=ES256;ppt="shaken"',
        json.dumps({"identity": f"{bare};info=<https://x>", "label": "x"}),
    ]
    rows = [only(dress) for dress in dresses]
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
        ({"tn": "+12155550121"}, "+12155550121"),
        ({"uri": "sip:bob@example.com"}, "sip:bob@example.com"),
        ({"tn": []}, None),
        ({"tn": 5}, None),
        ("x", None),
        ([], None),
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
        ("http://cert-repo/certs/sp_1", None),
        ("https://user@cert.example.com/a.pem", None),
        ("https://cert.example.com", None),
        ("javascript:alert(1)//a.b/", None),
        ("https://" + "a." * 2000 + "com/", None),
        (["https://cert.example.com/"], None),
        (None, None),
    ],
)
def test_who_signed_is_the_host_of_the_certificate(x5u, wanted):
    assert only(token(header=HEADER | {"x5u": x5u}))["carrier"] == wanted


@pytest.mark.parametrize("attest", ["D", "", "full", 1, None])
def test_an_attestation_that_there_is_none_of_is_no_attestation(attest):
    line = token(attest=attest).encode()
    batch, _ = read(ORIGIN, [Record(1, line, len(line))])
    assert validate_calls(batch)[0]["attestation"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("ppt", "claims"),
    [
        ("div", {"div": {"tn": "12155550141"}, "attest": None, "origid": None}),
        ("rcd", {"rcd": {"nam": "Amazon"}, "crn": "refund"}),
        ("rph", {"rph": {"auth": ["ets.0"]}}),
        (None, {"mky": [{"alg": "sha-256", "dig": "x"}]}),
    ],
)
def test_a_passport_of_another_type_is_a_call_too(ppt, claims):
    """RFC 8946, RFC 9795, RFC 8443, RFC 8225 section 5.2.2: what they add names no supplier."""
    row = only(token(header=HEADER | {"ppt": ppt}, **claims))
    assert row["called_number"] == "+12155550131"
    assert "12155550141" not in str(row)


@pytest.mark.parametrize(
    "line",
    [
        "a.b",
        "a.b.c",
        "..",
        token(header={"typ": "JWT"}),
        token(iat="soon"),
        token(iat=True),
        token(iat=-1),
        token(iat=10**30),
        f"{part(HEADER)}.{part([])}.AA",
        f"{part(HEADER)}..AA",
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

    (key, pem), (_, other) = pair(), pair()
    signed = token().rpartition(".")[0]
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    raw = base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=")
    whole = f"{signed}.{raw.decode()}"
    assert only(whole, pems=[other, pem])["attestation"] == "A"
    assert only(whole, pems=[other]) == "broken_token"
    assert only(token(), pems=[pem]) == "broken_token"
    assert only(token())["attestation"] == "A"
