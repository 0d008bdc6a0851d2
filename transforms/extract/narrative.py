"""Identifiers of every kind in free text, with the role that the text gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, Role
from transforms.arrow_util import distinct_rows, given_to_all
from transforms.extract import allowlist, mention
from transforms.extract.kinds import (
    agent_id,
    email,
    obfuscated_phone,
    payment_account,
    remote_access,
    url,
)
from transforms.extract.mention import SIGHTED, Found, One
from transforms.extract.reconcile import NARRATIVE
from transforms.extract.roles import REACH, REACH_AFTER, role_beside
from transforms.phone import find, normalize
from transforms.text_util import lower

STATED_CONFIDENCE = 0.8
"""A reading whose role the words around it state."""


MENTIONED_CONFIDENCE = 0.6
"""A reading that the text only mentions."""


TRANSCRIBED = frozenset({"ftc-pone"})
"""Sources whose narrative is the caller's own speech: FTC Project Point of No Entry."""


def _chats(text: str) -> Iterator[Found]:
    """The phones that a link in the text opens a chat with."""
    for start, end, number in url.chats(text):
        reading = normalize.read_one(number, None)
        if reading.e164:
            yield mention.found(start, end, reading, Role.MENTIONED)


_FINDERS: tuple[tuple[str, Callable[[str], Iterable[Found]]], ...] = (
    (email.HINT, email.in_text),
    (email.SPELLED_OUT_HINT, email.spelled_out_addresses),
    (obfuscated_phone.VANITY_HINT, obfuscated_phone.vanity_numbers),
    (obfuscated_phone.LOOK_ALIKE_HINT, obfuscated_phone.look_alike_numbers),
    (url.CHAT_HINT, _chats),
    (remote_access.HINT, remote_access.in_text),
    *payment_account.FINDERS,
    (agent_id.HINT, agent_id.in_text),
)
"""What finds identifiers that a domain or number may be a part of, and where it is worth a try."""


_SELDOM = frozenset(
    (
        email.SPELLED_OUT_HINT,
        obfuscated_phone.VANITY_HINT,
        obfuscated_phone.LOOK_ALIKE_HINT,
        url.CHAT_HINT,
        payment_account.HANDLE_HINT,
        agent_id.HINT,
    )
)
"""Hints that few texts have, and that RE2 looks for together as fast as for one of them."""


_ANY_SELDOM = "|".join(f"(?:{hint})" for hint in sorted(_SELDOM))


def find_in_narratives(text: pa.Array, region: pa.Array, source_org: pa.Array) -> pa.RecordBatch:
    """Every identifier in every text as `SIGHTED`, by row; string arrays of one length.

    Text and region may be null. A distinct (text, region, whether it is a transcript) is searched
    once, and only by those finders that have something to find in it.
    """
    spoken = pc.is_in(source_org, pa.array(sorted(TRANSCRIBED)))
    first, back = distinct_rows((text, region, spoken))
    at = pa.array(first)
    texts = pc.utf8_slice_codeunits(pc.fill_null(text.take(at), ""), 0, find.MAX_SCAN)
    found = _all(texts, region.take(at), spoken.take(at).to_pylist())
    rows, finds = given_to_all(found["row"].to_numpy(), back, len(first))
    return found.take(pa.array(finds)).set_column(
        0, SIGHTED.field("row"), pa.array(rows, pa.int32())
    )


def numbers(text: str, region: str | None) -> Iterator[Found]:
    """The phone numbers in one text, as mentioned."""
    for span, reading in find.find_number(text, region):
        yield mention.found(span.start, span.end, reading, Role.MENTIONED)


def _all(texts: pa.Array, regions: pa.Array, spoken: Sequence[bool]) -> pa.RecordBatch:
    """Every reading of each text; of two readings of the same characters the more specific one."""
    words = texts.to_pylist()
    found: dict[int, list[Found]] = {}
    seldom = np.array(_where(texts, _ANY_SELDOM), np.int64)
    few = texts.take(pa.array(seldom))
    for hint, finder in _FINDERS:
        rows = seldom[_where(few, hint)].tolist() if hint in _SELDOM else _where(texts, hint)
        for row in rows:
            found.setdefault(row, []).extend(finder(words[row]))
    for row in _where(texts, url.HINT):
        taken = found.setdefault(row, [])
        taken.extend(_apart(url.in_text(words[row]), list(taken)))
    hits = find.find_numbers(texts, regions)
    hits = hits.filter(pa.array(_free(hits, found)))
    roles = _Roles(words, spoken)
    others = [(row, one) for row, held in found.items() for one in held]
    told = mention.of_found(roles.given(row, one) for row, one in others)
    called = [
        roles.of(row, start, end, EntityKind.PHONE)
        for row, start, end in zip(*(hits[c].to_pylist() for c in _PLACE), strict=True)
    ]
    both = [told, _of_numbers(hits, called)]
    columns = [pa.concat_arrays([one[name] for one in both]) for name in SIGHTED.names]
    order = np.argsort(columns[0].to_numpy(), kind="stable")
    return pa.RecordBatch.from_arrays(columns, schema=SIGHTED).take(pa.array(order))


_PLACE = ("row", "start", "end")


def _of_numbers(hits: pa.RecordBatch, roles: Sequence[Role | None]) -> pa.RecordBatch:
    """Numbers in texts, each with the role that its text states, as `SIGHTED`."""
    stated = np.array([role is not None for role in roles], bool)
    worth = pa.array(np.where(stated, STATED_CONFIDENCE, MENTIONED_CONFIDENCE), pa.float32())
    columns: dict[str, pa.Array | object] = {
        name: hits[name] for name in hits.schema.names if name in SIGHTED.names
    }
    columns |= {
        "field": NARRATIVE,
        "kind": EntityKind.PHONE.value,
        "value": hits["e164"],
        "role": pa.array([(role or Role.MENTIONED).value for role in roles], pa.string()),
        "stated": pa.array(stated),
        "confidence": pc.multiply(hits["confidence"], worth),
    }
    return mention.of_columns(len(hits), columns)


class _Roles:
    """What texts say of the identifiers in them."""

    def __init__(self, words: Sequence[str], spoken: Sequence[bool]) -> None:
        self._words = words
        self._spoken = spoken
        self._lower: dict[int, str] = {}

    def of(self, row: int, start: int, end: int, kind: EntityKind) -> Role | None:
        """The role that the words beside a place state."""
        text = self._lower.get(row)
        if text is None:
            text = self._lower[row] = lower(self._words[row])
        before, behind = text[max(0, start - REACH) : start], text[end : end + REACH_AFTER]
        return role_beside(before, behind, kind, suspect_speaks=self._spoken[row])

    def given(self, row: int, found: Found) -> One:
        """What was found, with the role that its text states."""
        text = self._words[row]
        if found.kind is EntityKind.HANDLE and found.value.startswith("agent:"):
            return row, NARRATIVE, text, found, found.role, MENTIONED_CONFIDENCE, True
        role = self.of(row, found.start, found.end, found.kind)
        if role is None:
            return row, NARRATIVE, text, found, _unstated(found), MENTIONED_CONFIDENCE, False
        return row, NARRATIVE, text, found, role, STATED_CONFIDENCE, True


def _unstated(found: Found) -> Role:
    """The role of what a text names without saying whose it is: a mailbox may be its writer's."""
    if found.kind is EntityKind.EMAIL and allowlist.is_anybodys(found.value):
        return Role.MENTIONED
    return found.role


def _free(hits: pa.RecordBatch, found: dict[int, list[Found]]) -> np.ndarray:
    """Which numbers share no character with what was found; a relay's domain apart."""
    free = np.ones(len(hits), bool)
    rows = hits["row"].to_numpy()
    at = np.flatnonzero(np.isin(rows, list(found)))
    columns = (hits[name].take(pa.array(at)).to_pylist() for name in _PLACE)
    taken: dict[int, bytearray] = {}
    for place, row, start, end in zip(at.tolist(), *columns, strict=True):
        if row not in taken:
            taken[row] = _taken(found[row])
        free[place] = not any(taken[row][start:end])
    return free


def _taken(found: Iterable[Found]) -> bytearray:
    """A mark for each character that was found to be of something, a relay's domain apart."""
    spans = [(one.start, one.end) for one in found if one.role is not Role.OPERATOR]
    taken = bytearray(max((end for _, end in spans), default=0))
    for start, end in spans:
        taken[start:end] = b"\1" * (end - start)
    return taken


def _where(texts: pa.Array, hint: str) -> list[int]:
    """The rows in which a hint occurs."""
    return np.flatnonzero(pc.match_substring_regex(texts, hint)).tolist()


def _apart(candidates: Iterable[Found], found: Iterable[Found]) -> Iterator[Found]:
    """The candidates that share no character with what was found, a relay's domain apart."""
    taken = _taken(found)
    return (one for one in candidates if not any(taken[one.start : one.end]))
