"""The file of one's own victims, and which identifiers are theirs or hold one's number."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.options import UsageError
from reports.exchange import victims
from schemas import epoch
from schemas.kinds import Role


def among(entity_ids: Iterable[str], path: str | None) -> frozenset[str]:
    """Those of `entity_ids`, without epochs, that are of a victim in the file, if there is one.

    A number in any form in which its country writes it, also inside an address, a name or a site.

    Raises:
        UsageError: for a file that cannot be used.
    """
    if path is None:
        return frozenset()
    from transforms.identify.stated import without_victims  # noqa: PLC0415 - Beam loads slowly
    from transforms.identify.strays import written_forms  # noqa: PLC0415

    known = load(path)
    ids = pa.array(sorted({epoch.bare(one) for one in entity_ids}), pa.string())
    numbers = pa.array(sorted(f"phone:{one}" for one in known.phones), pa.string())
    forms = written_forms(pa.RecordBatch.from_pydict({"entity_id": numbers}))
    rows = pa.RecordBatch.from_pydict(
        {
            "entity_id": ids,
            "kind": [one.partition(":")[0] for one in ids.to_pylist()],
            "role": pa.repeat(pa.scalar(str(Role.CALLBACK)), len(ids)),
        }
    )
    told = without_victims(rows, forms)
    holds = pc.equal(told["role"], str(Role.VICTIM)).to_numpy(zero_copy_only=False)
    listed = pc.is_in(ids, pa.array(sorted(known.entity_ids()), pa.string()))
    theirs = np.logical_or(holds, listed.to_numpy(zero_copy_only=False))
    return frozenset(ids.filter(pa.array(theirs)).to_pylist())


def load(path: str) -> victims.Victims:
    """The victims of the file `path`.

    Raises:
        UsageError: for a file that cannot be used.
    """
    try:
        return victims.load(Path(path).read_text(encoding="utf-8-sig"), path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a CSV file") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except victims.VictimsFileError as error:
        raise UsageError(str(error)) from None
