"""Mutates every file that an outsider can send, and holds each reader to its one kind of error.

Partners send offers, feeds, revocations, corrections, consents, lists of keys and the letters of an
overlap. A hub has files of its own. A package has a seal, time stamps, signature files and public
keys. Analysts add decisions, maps and case files. A mutant is signed again half of the time, so
that its reader gets past the signature. Files that pass must also print. A mutant whose reader
raises anything but its own error is kept in a file.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from pipelines import key_store
from pipelines.commands.correct import correction_lines
from pipelines.key_store import HOME_VARIABLE
from pipelines.letters.consents import members_text_digest, read_consents
from pipelines.options import UsageError
from pipelines.referral import verify
from reports import signing
from reports.exchange import (
    HUB_LIVES,
    SEALED_SIZES,
    HubLog,
    check_letter_addressee,
    decode_elements,
    offer_lines,
    open_letter,
    parse_hub_file,
    seal_letter,
)
from reports.exchange.victim_overlap import encode_elements
from reports.letters import OfferError, check_offer_addressee, parse_file, signer_of
from reports.referral import ReferenceFileError, load_case_file, seal
from reports.signing import KeyFileError, SignatureError
from schemas.decision import DecisionKind
from schemas.mapping import MapError, parse_map
from schemas.offer import (
    MIN_SET_SIZE,
    POINT_BYTES,
    TAG_BYTES,
    About,
    Answer,
    Consent,
    CorrectedIssue,
    Correction,
    CountryCount,
    Feed,
    FeedContributor,
    FeedEvidence,
    HubActor,
    HubCharter,
    HubDispute,
    HubEntry,
    HubHead,
    HubLetter,
    HubMember,
    HubMembers,
    HubTie,
    KeyList,
    KindLife,
    ListedKey,
    LoggedEnd,
    LoggedEntry,
    Offer,
    OfferedCluster,
    OfferedEntity,
    OfferedEvidence,
    OfferedLoss,
    Request,
    Result,
    Revocation,
    StruckIdentifier,
    Terms,
)
from transforms.decisions import (
    BoundBy,
    Decision,
    DecisionError,
    DecisionSigner,
    parse_decisions,
    sign_decision,
    with_decision_added,
)

NOW = datetime(2026, 6, 2, tzinfo=UTC)

ISSUED = "2026-06-01T00:00:00Z"

KEY = signing.make_signing_key()

TRUSTED = {"microsoft": [KEY.public_key()]}

PARTIES = ("microsoft", "amazon", ISSUED)

HOSTILE: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**53, 2**63, 10**30, 1.5, "", "\u202e", "\ud800", "a" * 5_000, "../../x",
    "9999-99-99T99:99:99Z", "0001-01-01T00:00:00Z", [], {}, [[]] * 50, {"a": {"b": []}}, "\0", "é",
)  # fmt: skip
"""Values that take another one's place."""


PIECES = (b"\0", b'"', b"{", b"[" * 2_000, b"\n", b",", b"9" * 5_000)
"""Bytes that are put in."""


@dataclass(frozen=True)
class Specimen:
    """A right file, and its reader, which gets the bytes of a mutant and its signature file."""

    name: str
    content: bytes
    read: Callable[[bytes, bytes], object]
    errors: tuple[type[Exception], ...]


def offer() -> Offer:
    """Returns a small offer of microsoft's to amazon."""
    return Offer(
        *PARTIES,
        expires_at="2026-07-01T00:00:00Z",
        tlp="TLP:AMBER",
        terms=Terms(confidence_floor=75, k=5, least_reports=2, loss_unit=1000),
        entities=(
            OfferedEntity("domain:pay-help.example", "lure_site", 91, 1),
            OfferedEntity("phone:+18885550101", "callback", 88, 1),
        ),
        evidence=(
            OfferedEvidence((0, 1), "complaint", 20, "2026-W09"),
            OfferedEvidence((1,), "call", 10, "2026-W10"),
        ),
        clusters=(
            OfferedCluster((CountryCount("US", 12),), 8, (OfferedLoss(4000, "USD"),), 1),
        ),
        called=(1,),
    )  # fmt: skip


def feed() -> Feed:
    """Returns a small feed of a hub, by two contributors."""
    whole = offer()
    rows = (*whole.evidence, whole.evidence[1])
    return Feed(
        *PARTIES,
        expires_at=whole.expires_at,
        tlp=whole.tlp,
        terms=whole.terms,
        entities=whole.entities,
        evidence=tuple(
            FeedEvidence(row.entities, row.kind, row.reports, row.week, contributor)
            for row, contributor in zip(rows, (0, 0, 1), strict=True)
        ),
        clusters=whole.clusters,
        contributors=(FeedContributor((0, 1), "a" * 32), FeedContributor((1,), "b" * 32)),
        members=("contoso", "fabrikam"),
    )


def letters() -> Iterator[tuple[str, Any]]:
    """Yields the files that are read as canonical JSON, by name."""
    yield "offer", offer()
    yield "feed", feed()
    yield "revocation", Revocation(*PARTIES, ("0" * 64,))
    struck = (StruckIdentifier("phone:+18885550101", ("data/referral.html",)),)
    issue = CorrectedIssue("package", f"package-{'1' * 16}", "1" * 64, "RT-1", ISSUED, struck)
    yield "correction", Correction(*PARTIES, (issue,))
    named = ("phone:+18885550101",)
    ends = "2026-07-01T00:00:00Z"
    digest = members_text_digest(named)
    yield "consent", Consent("microsoft", "amazon", "in-cbi", ISSUED, ends, named, digest)
    raw = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
    listed = ListedKey(signing.key_id(KEY.public_key()), None, ISSUED, raw, ISSUED)
    yield "keys", KeyList("microsoft", ISSUED, (listed,))
    about = About(agreed="all", entities=(), offer=None)
    who = {"issued_at": ISSUED, "recipient": "amazon", "sender": "microsoft", "session": "2" * 64}
    points = encode_elements([n.to_bytes(POINT_BYTES, "big") for n in range(MIN_SET_SIZE)])
    tags = encode_elements([n.to_bytes(TAG_BYTES, "big") for n in range(MIN_SET_SIZE)])
    yield (
        "request",
        Request(about=about, by="phone", floor=5, points=points, size=MIN_SET_SIZE, **who),
    )
    yield "answer", Answer(points=points, request="3" * 64, size=MIN_SET_SIZE, tags=tags, **who)
    yield "result", Result(about=about, answer="4" * 64, by="phone", floor=5, shared=None, **who)


def hub_files() -> Iterator[tuple[str, Any]]:
    """Yields the files of a hub that are read as canonical JSON, and lines of its log, by name."""
    raw = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
    lives = tuple(KindLife(kind, days) for kind, days in sorted(HUB_LIVES.items()))
    yield "hub", HubCharter("acx", "isac", ISSUED, raw, 90, 14, 7, 5, "TLP:AMBER", lives)
    rows = (HubMember("microsoft", signing.key_id(KEY.public_key()), raw, ISSUED, None, ""),)
    yield "hub members", HubMembers("5" * 64, 1, "5" * 64, ISSUED, rows)
    yield "hub head", HubHead("5" * 64, "2026-06-01", 2, "6" * 64, "7" * 64, "5" * 64)
    entry = HubEntry("a" * 32, "phone:+18885550101", "callback", "core", 90, 5, "2026-W09",
                   "2026-W10", "analyst")  # fmt: skip
    ties = (HubTie(("a" * 32,), 5, "2026-W10"),)
    actors = (HubActor("b" * 32, (entry,), ties, ()),)
    disputes = (HubDispute("c" * 32, "d" * 32, ""),)
    yield (
        "hub letter",
        HubLetter("5" * 64, "microsoft", ISSUED, actors, ("e" * 32,), ("f" * 32,), disputes, ()),
    )
    yield "hub log", LoggedEntry("b" * 32, "2026-06-01", entry, "9" * 32, "8" * 32)


def _hub_reader(kind: type[Any]) -> Callable[[bytes, bytes], object]:
    def read(content: bytes, signature: bytes) -> object:
        signer_of(content, signature, TRUSTED)
        return parse_hub_file(content, "", kind)

    return read


def _read_log(content: bytes, _: bytes) -> object:
    """Reads a line of a log with one that follows it."""
    log = HubLog(next(charter for name, charter in hub_files() if name == "hub"))
    ends = LoggedEnd("2026-06-01", "a" * 32, 0)
    log.add_day("2026-06-01", content + b"\n" + signing.canonical_json(ends) + b"\n")
    log.check_erasures()
    return [log.status(logged, NOW.date()) for logged in log.entries]


def _read_sealed(content: bytes, _: bytes) -> object:
    """Opens bytes that claim to be sealed, and bytes that are."""
    try:
        return open_letter(content.ljust(SEALED_SIZES[0], b"\0"), SEALING, "5" * 64)
    except OfferError:
        public = X25519PrivateKey.from_private_bytes(SEALING).public_key().public_bytes_raw()
        opened, _ = open_letter(seal_letter(content, b"", public, "5" * 64), SEALING, "5" * 64)
        return parse_hub_file(opened, "", HubLetter)


SEALING = b"\1" * 32


def _read_offer(content: bytes, signature: bytes) -> object:
    org, _ = signer_of(content, signature, TRUSTED)
    letter = parse_file(content, org, Offer, Feed, Revocation)
    check_offer_addressee(letter, "amazon", NOW)
    return list(offer_lines(letter)) if isinstance(letter, Offer) else letter


def _read_correction(content: bytes, signature: bytes) -> object:
    org, _ = signer_of(content, signature, TRUSTED)
    return list(correction_lines(parse_file(content, org, Correction)))


def _read_keys(content: bytes, signature: bytes) -> object:
    return parse_file(content, signer_of(content, signature, TRUSTED)[0], KeyList)


def _letter_reader(kind: type[Any]) -> Callable[[bytes, bytes], object]:
    def read(content: bytes, signature: bytes) -> object:
        org, _ = signer_of(content, signature, TRUSTED)
        letter = parse_file(content, org, kind)
        check_letter_addressee(letter, "amazon", NOW)
        for name, each in (("points", POINT_BYTES), ("tags", TAG_BYTES)):
            if hasattr(letter, name):
                decode_elements(getattr(letter, name), each, letter.size)
        return letter

    return read


def _decisions(*, as_lines: bool) -> bytes:
    """Returns a decisions file with a typed row and two signed ones."""
    typed = {"decision_id": "T-1", "kind": "dispute", "entity_a": "phone:+18885550109",
             "author": "Tom", "reason": "not sure", "decided_at": ISSUED}  # fmt: skip
    text = f"{','.join(typed)}\n{','.join(typed.values())}\n"
    if as_lines:
        text = json.dumps(typed) + "\n"
    for number, kind in enumerate((DecisionKind.CONFIRM, DecisionKind.REVIEW)):
        known = parse_decisions(text, "d", SIGNERS)
        phone = f"phone:+1888555010{number}"
        decision = Decision(f"D-{number}", kind, phone, None, "Ada", "seen", NOW, None)
        decision = replace(decision, members=(phone,), bound_by=BoundBy.FILE)
        signed = sign_decision(decision, known, signing.key_id(KEY.public_key()), KEY.sign)
        text = with_decision_added(text, signed)
    return text.encode()


def _holds(signature: bytes, content: bytes) -> bool:
    return KEY.sign(content) == signature


SIGNERS = {signing.key_id(KEY.public_key()): DecisionSigner(_holds, NOW - timedelta(days=1))}


def _read_decisions(content: bytes, _: bytes) -> object:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecisionError("not UTF-8") from error
    return parse_decisions(text, "d", SIGNERS)


def _read_seal(content: bytes, _: bytes) -> object:
    return seal.parse_seal(content)


def _read_token(content: bytes, _: bytes) -> object:
    return seal.read_time_stamp(content, b"a seal", ())


def _read_signature(content: bytes, _: bytes) -> object:
    return signing.verify_detached(b"signed", content, [KEY.public_key()])


def _read_public_key(content: bytes, _: bytes) -> object:
    return signing.read_public_key(content, "theirs.pem")


def specimens() -> list[Specimen]:
    """Returns one right file of each kind."""
    readers = {"correction": _read_correction, "keys": _read_keys,
               "consent": _read_consent, "request": _letter_reader(Request),
               "answer": _letter_reader(Answer),
               "result": _letter_reader(Result)}  # fmt: skip
    files = [
        Specimen(name, signing.letter_bytes(letter, KEY), readers.get(name, _read_offer),
                 (OfferError, UsageError))
        for name, letter in letters()
    ]  # fmt: skip
    kinds = {"hub log": _read_log}
    files += [
        Specimen(name, signing.canonical_json(letter), kinds.get(name, _hub_reader(type(letter))),
                 (OfferError,))
        for name, letter in hub_files()
    ]  # fmt: skip
    letter = next(specimen.content for specimen in files if specimen.name == "hub letter")
    files.append(Specimen("sealed letter", letter, _read_sealed, (OfferError,)))
    package = {"issuer": "microsoft", "as_of": ISSUED, "reference": "RT-1",
               "sealed_at": ISSUED, "key_id": signing.key_id(KEY.public_key())}  # fmt: skip
    sealed = seal.make_seal({"bagit.txt": b"x" * 9_000, "data/a.html": b""}, package)
    return [
        *files,
        Specimen("seal", sealed, _read_seal, (seal.SealError,)),
        Specimen("token", seal.time_stamp_query(sealed), _read_token, (seal.TimeStampError,)),
        Specimen("signature", signing.sign_detached(b"signed", KEY), _read_signature,
                 (SignatureError,)),
        Specimen("public key", signing.public_pem(KEY.public_key()), _read_public_key,
                 (KeyFileError,)),
        Specimen("decisions.csv", _decisions(as_lines=False), _read_decisions, (DecisionError,)),
        Specimen("decisions.jsonl", _decisions(as_lines=True), _read_decisions, (DecisionError,)),
        Specimen("package", sealed, _read_package, (UsageError,)),
        Specimen("map", MAP, _read_map, (MapError,)),
        Specimen("case file", CASE, _read_case_file, (ReferenceFileError,)),
    ]  # fmt: skip


MAP = b"""version = 1
kind = "complaint"
source_org = "acme"
timezone = "Europe/Berlin"
[file]
format = "csv"
delimiter = ";"
[columns]
"Case" = "complaint_id"
"Opened" = "received_at"
"Story" = "narrative"
[times]
"Opened" = "day-first"
"""

CASE = b"""operation = "Operation Long Wait"
date = 2026-06-02
narrative = "Callers posed as support."
case_numbers = { amazon = "CCU-114" }
[[organisation]]
slug = "amazon"
legal_name = "Amazon.com Services LLC"
contact = { name = "Ada Cole", email = "ada@amazon.example" }
"""


def _read_map(content: bytes, _: bytes) -> object:
    return parse_map(_text(content, MapError), "m.toml")


def _read_case_file(content: bytes, _: bytes) -> object:
    return load_case_file(_text(content, ReferenceFileError), "case.toml", ["amazon"])


def _text(content: bytes, error: type[Exception]) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as why:
        raise error("not UTF-8") from why


def _read_consent(content: bytes, signature: bytes) -> object:
    with TemporaryDirectory() as folder:
        path = Path(folder, "consent.json")
        path.write_bytes(content)
        path.with_name("consent.json.sig").write_bytes(signature)
        return read_consents([folder], {"amazon"}, "in-cbi", NOW)


def _read_package(content: bytes, signature: bytes) -> object:
    """Verifies a package whose seal, and a file in it that no seal lists, are `content`."""
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()) as said:
        files = {"seal.json": content, "seal.json.sig": signature, "data/a.html": b""}
        files |= {"bagit.txt": b"x" * 9_000, "data/b.html": content[:5_000]}
        for name, data in files.items():
            Path(folder, name).parent.mkdir(exist_ok=True)
            Path(folder, name).write_bytes(data)
        status = verify.run(Namespace(folder=folder, key=None, authority=None, ledger=None))
        if status != 1:
            raise AssertionError(said.getvalue())
        return status


def mutant(content: bytes, rng: random.Random) -> bytes:
    """Returns other bytes: some changed, cut, doubled or moved, or a value of the JSON replaced."""
    if rng.random() < 0.5 and content[:1] == b"{":
        try:
            return _other_value(content, rng)
        except (ValueError, RecursionError):
            pass  # decisions are a line of JSON each
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        start, end = sorted((rng.randrange(len(changed) + 1), rng.randrange(len(changed) + 1)))
        end = min(end, start + rng.choice((1, 4, 64, 4_096)))
        way = rng.randrange(7)
        if way == 0:
            changed[start:end] = rng.randbytes(end - start)
        elif way == 1:
            del changed[start:end]
        elif way == 2:
            changed[start:start] = changed[start:end]
        elif way == 3:
            changed[start:start] = rng.choice(PIECES)
        elif way == 4 and start < len(changed):
            changed[start] ^= 1 << rng.randrange(8)
        elif way == 5:
            piece = bytes(changed[start:end])
            del changed[start:end]
            to = rng.randrange(len(changed) + 1)
            changed[to:to] = piece
        else:
            del changed[start : len(changed) if rng.random() < 0.2 else end]
    return bytes(changed)


def _other_value(content: bytes, rng: random.Random) -> bytes:
    """Returns canonical JSON, and sometimes other JSON, with another value at one place."""
    whole: Any = json.loads(content)
    node, steps = whole, rng.randrange(1, 6)
    for step in range(steps):
        step_key: Any = (
            rng.choice(sorted(node)) if isinstance(node, dict) else rng.randrange(len(node))
        )
        below = node[step_key]
        if step == steps - 1 or not isinstance(below, dict | list) or not below:
            way = rng.random()
            if way < 0.1 and isinstance(node, dict):
                node[rng.choice(("x", "format", "entities", "key_id"))] = rng.choice(HOSTILE)
            elif way < 0.2:
                del node[step_key]
            elif way < 0.3 and isinstance(node, list):
                node.append(below)
            elif way < 0.6 and isinstance(below, int):
                node[step_key] = rng.choice((below + 1, below * 10**9, -below, below // 2))
            else:
                node[step_key] = rng.choice(HOSTILE)
            break
        node = below
    style = {} if rng.random() < 0.1 else {"separators": (",", ":"), "ensure_ascii": False}
    return json.dumps(whole, sort_keys=True, **style).encode("utf-8", "surrogatepass")  # type: ignore[arg-type]


def fuzz(mutations: int, seed: int) -> tuple[Counter[str], float]:
    """Reads so many mutants; returns how many of each kind were refused, and the longest seconds.

    Raises:
        AssertionError: for a reader that raises another error than its own.
    """
    with TemporaryDirectory() as home, mock.patch.dict(os.environ, {HOME_VARIABLE: home}):
        key_store.trust("microsoft", KEY.public_key())
        return _fuzz(mutations, random.Random(seed), seed)


def _fuzz(mutations: int, rng: random.Random, seed: int) -> tuple[Counter[str], float]:
    files = specimens()
    refused: Counter[str] = Counter()
    longest = 0.0
    for specimen in files:
        if specimen.name not in ("token", "package"):
            specimen.read(specimen.content, signing.sign_detached(specimen.content, KEY))
    for number in range(mutations):
        specimen = files[number % len(files)]
        content = mutant(specimen.content, rng)
        signed = content if rng.random() < 0.9 else specimen.content
        before, lines = time.perf_counter(), 0
        try:
            specimen.read(content, signing.sign_detached(signed, KEY))
        except specimen.errors as error:
            refused[specimen.name] += 1
            lines = str(error).count("\n")
        except Exception as error:
            Path("fuzz-mutant.bin").write_bytes(content)
            place = f"{specimen.name}, mutation {number} of seed {seed}"
            raise AssertionError(f"{place}: {error!r}") from error
        if lines:
            raise AssertionError(
                f"{specimen.name}, mutation {number} of seed {seed}: {lines + 1} lines"
            )
        longest = max(longest, time.perf_counter() - before)
    return refused, longest
