"""Validation as a step of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import RecordKind
from transforms.validate.calls import validate_calls
from transforms.validate.complaints import validate_complaints

ACCEPTED, REJECTS, TALLIES = "accepted", "rejects", "tallies"


class _Validate(beam.DoFn):
    def __init__(self, kind: RecordKind, as_of: datetime | None, ahead: timedelta | None) -> None:
        self._kind = kind
        self._as_of = as_of
        self._ahead = ahead

    def process(self, rows: pa.RecordBatch) -> Iterator[Any]:
        validate = validate_calls if self._kind is RecordKind.CALL else validate_complaints
        latest = datetime.now(UTC) + self._ahead if self._ahead is not None else self._as_of
        accepted, rejects, coerced = validate(rows, latest)
        yield accepted
        yield beam.pvalue.TaggedOutput(REJECTS, rejects)
        for name, count in coerced.items():
            yield beam.pvalue.TaggedOutput(TALLIES, ((f"{self._kind}_words_coerced", name), count))
        unknown = pc.value_counts(rows["unknown"].flatten())
        for name, count in zip(*map(pa.Array.to_pylist, unknown.flatten()), strict=True):
            yield beam.pvalue.TaggedOutput(TALLIES, ((f"{self._kind}_unknown_fields", name), count))


@dataclass(eq=False)
class Validate(beam.PTransform):
    """Loose batches to outputs ACCEPTED, REJECTS (batches) and TALLIES (((group, name), count)).

    On a stream, `ahead` is how far before the clock a record may be, in place of `as_of`: one from
    the far future would make all others look old.
    """

    kind: RecordKind
    as_of: datetime | None = None
    ahead: timedelta | None = None

    def expand(self, rows: beam.PCollection) -> Any:
        """One pass; see `validate_complaints` and `validate_calls`."""
        step = beam.ParDo(_Validate(self.kind, self.as_of, self.ahead))
        return rows | step.with_outputs(REJECTS, TALLIES, main=ACCEPTED)
