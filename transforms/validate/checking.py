"""One loose batch under validation: its typed columns, and each row's first fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from schemas.kinds import RecordKind, Stage
from schemas.reject import Code
from transforms import columns
from transforms.read.rejects import Reject, reject_rows


@dataclass
class Checking:
    """One loose batch under validation: its typed columns, and each row's first fault."""

    rows: pa.RecordBatch
    typed: dict[str, pa.Array] = field(default_factory=dict)
    coerced: Counter[str] = field(default_factory=Counter)
    faults: dict[int, tuple[Code, str, str]] = field(default_factory=dict)

    def refuse(self, bad: np.ndarray, code: Code, name: str, message: str) -> None:
        """Mark the rows of `bad`, unless an earlier check already refused them."""
        for row in np.flatnonzero(bad):
            self.faults.setdefault(int(row), (code, name, message))

    def keep(self, name: str, checked: columns.Checked, code: Code, message: str) -> None:
        """Take a typed column, refusing the rows where it could not be read."""
        self.typed[name], bad = checked
        self.refuse(bad, code, name, message)

    def coerce(self, name: str, known: tuple[str, ...], otherwise: str | None) -> None:
        """Take a closed vocabulary, counting the words that it does not know."""
        self.typed[name], strange = columns.choices(self.rows[name], known, otherwise)
        if strange.any():
            self.coerced[name] += int(strange.sum())

    def finish(
        self, schema: pa.Schema, kind: RecordKind
    ) -> tuple[pa.RecordBatch, pa.RecordBatch, Counter[str]]:
        """Rows without a fault in `schema`, the others as REJECT, and words coerced by field."""
        accepted = np.ones(self.rows.num_rows, bool)
        accepted[list(self.faults)] = False
        whole = pa.RecordBatch.from_arrays(
            [self.typed.get(one.name, self.rows[one.name]).cast(one.type) for one in schema]
            if self.rows.num_rows
            else [pa.array([], one.type) for one in schema],
            names=schema.names,
        )
        kept = pa.RecordBatch.from_arrays(whole.filter(pa.array(accepted)).columns, schema=schema)
        return kept, reject_rows(list(self._rejects(kind))), self.coerced

    def _rejects(self, kind: RecordKind) -> Iterator[Reject]:
        for row, (code, name, message) in sorted(self.faults.items()):
            yield Reject(
                source=self.rows["source"][row].as_py(),
                position=self.rows["position"][row].as_py(),
                format=self.rows["format"][row].as_py(),
                record_kind=kind,
                raw=self.rows["raw"][row].as_py(),
                stage=Stage.VALIDATE,
                code=code,
                field=name,
                message=message,
            )
