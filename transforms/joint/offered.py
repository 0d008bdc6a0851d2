"""An offer's counts as pieces of evidence: as many as the offer counts, and no other.

Each report that an offer counts is one person's, and names what it names; so each becomes one
piece of evidence of a victim of its own. Nothing is made up to get there: what a count does not
tell (day, country, loss, words, who it was) stays unknown, and where one person reported more than
once the offer has counted them once already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

from schemas import epoch
from schemas.kinds import EntityKind, RecordKind
from schemas.mention import EVIDENCE
from schemas.offer import Offer
from transforms.identify import phones

FIELD = "offer"
"""Where the mentions of an offer's evidence say that they were read."""

_MIDDLE = 4
"""Thursday: no day of an ISO week is further from it than three, and its year is the week's."""


@dataclass(frozen=True)
class Taken:
    """An offer that was accepted: its content, and the SHA-256 of its bytes."""

    offer: Offer
    sha256: str

    def record_id(self, row: int, count: int) -> str:
        """What stands for a record's id in the evidence of the offer; both are from 1."""
        return f"offer-{self.sha256[:12]}-{row}-{count}"


def middle_of(week: str) -> datetime:
    """The middle of an ISO 8601 week such as 2026-W09, in UTC."""
    year, number = (int(part) for part in week.split("-W"))
    return datetime.combine(date.fromisocalendar(year, number, _MIDDLE), time(12), UTC)


def evidence_of_offer(taken: Taken, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """An accepted offer to EVIDENCE batches of about `rows` rows."""
    offer = taken.offer
    # Epochs are told apart anew, in what both sides saw.
    ids = [epoch.bare(one.entity_id) for one in offer.entities]
    regions = _regions(ids)
    held: list[dict[str, object]] = []
    for row, counted in enumerate(offer.evidence, 1):
        for count in range(1, counted.reports + 1):
            record = taken.record_id(row, count)
            alone = counted.kind == str(RecordKind.CALL)
            piece = "|".join([offer.sender, *(["call"] if alone else []), record])
            held.extend(
                {
                    "entity_id": ids[at],
                    "kind": ids[at].partition(":")[0],
                    "role": offer.entities[at].role,
                    "source_org": offer.sender,
                    "record_kind": counted.kind,
                    "record_id": record,
                    "observed_at": middle_of(counted.week),
                    "field": FIELD,
                    "confidence": offer.entities[at].confidence / 100,
                    "group_id": piece,
                    "victim_key": piece,
                    "region": regions[at][0],
                    "line_type": regions[at][1],
                }
                for at in counted.entities
            )
            if len(held) >= rows:
                yield pa.RecordBatch.from_pylist(held, EVIDENCE)
                held = []
    if held:
        yield pa.RecordBatch.from_pylist(held, EVIDENCE)


def _regions(entity_ids: list[str]) -> list[tuple[str | None, str | None]]:
    """Region and line type of the phone numbers among entity ids; of others, neither."""
    kind = f"{EntityKind.PHONE}:"
    raw = pa.array([one[len(kind) :] if one.startswith(kind) else None
                    for one in entity_ids], pa.string())  # fmt: skip
    readings = phones.normalise(raw, pa.nulls(len(raw), pa.string()))
    columns = (pc.struct_field(readings, name).to_pylist() for name in ("region", "line_type"))
    return list(zip(*columns, strict=True))
