"""The accepted records as they are kept: without what is the victim's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL_ACCEPTED, CALL_KEY
from schemas.complaint import COMPLAINT_ACCEPTED, COMPLAINT_KEY
from schemas.kinds import RecordKind
from transforms.entities import WITHHELD
from transforms.masking import suspect_calls, withhold
from transforms.shuffle import Keyed, PerPartition, batches_of

WITHHELD_KEY = ("source_org", "record_id")


def kept_complaints(complaints: pa.Table, withheld: pa.Table) -> Iterator[pa.RecordBatch]:
    """COMPLAINT_ACCEPTED and WITHHELD rows of the same records to COMPLAINT rows."""
    own = _by_record(withheld, RecordKind.COMPLAINT)
    for batch in batches_of(complaints):
        yield withhold(batch, [own.get(key, ()) for key in _keys(batch, "complaint_id")])


def kept_calls(calls: pa.Table, withheld: pa.Table) -> Iterator[pa.RecordBatch]:
    """CALL_ACCEPTED and WITHHELD rows of the same records to CALL rows.

    A caller id that some record knows as a victim's own number is spoofed: it is left out.
    """
    own = _by_record(withheld, RecordKind.CALL)
    for batch in batches_of(calls):
        kept = suspect_calls(batch)
        numbers = kept["suspect_number"].to_pylist()
        spoofed = [
            f"phone:{number}" in own.get(key, ())
            for number, key in zip(numbers, _keys(batch, "call_id"), strict=True)
        ]
        shown = pc.if_else(pa.array(spoofed), pa.scalar(None, pa.string()), kept["suspect_number"])
        at = kept.schema.get_field_index("suspect_number")
        yield kept.set_column(at, kept.schema.field(at), shown)


def _keys(batch: pa.RecordBatch, id_field: str) -> Iterator[tuple[str, str]]:
    return zip(batch["source_org"].to_pylist(), batch[id_field].to_pylist(), strict=True)


def _by_record(withheld: pa.Table, kind: RecordKind) -> dict[tuple[str, str], list[str]]:
    rows = withheld.filter(pc.equal(withheld["record_kind"], str(kind)))
    own: dict[tuple[str, str], list[str]] = {}
    for org, record, entity in zip(
        rows["source_org"].to_pylist(),
        rows["record_id"].to_pylist(),
        rows["entity_id"].to_pylist(),
        strict=True,
    ):
        own.setdefault((org, record), []).append(entity)
    return own


@dataclass(eq=False)
class Withhold(beam.PTransform):
    """A dict of `records` (unique batches) and `withheld` (WITHHELD batches) to kept batches."""

    kind: RecordKind

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Bring each record and what it must not show together."""
        withheld = Keyed(WITHHELD, WITHHELD_KEY)
        if self.kind is RecordKind.CALL:
            keyed = {"records": Keyed(CALL_ACCEPTED, CALL_KEY), "withheld": withheld}
            return inputs | PerPartition(keyed, kept_calls)
        keyed = {"records": Keyed(COMPLAINT_ACCEPTED, COMPLAINT_KEY), "withheld": withheld}
        return inputs | PerPartition(keyed, kept_complaints)
