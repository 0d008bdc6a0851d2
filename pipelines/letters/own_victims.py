"""The own victims' identifiers: from a file, a register, or a run's contested identifiers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import key_store
from pipelines.options import UsageError, usage_errors
from pipelines.user_files import read_text
from reports.run import Run, private_batches
from reports.victim_file import Victims, VictimsFileError, load_victim_file
from schemas.entity import without_epoch
from schemas.field import TEXT
from schemas.tables import CONTESTED
from transforms.custody import private_files

if TYPE_CHECKING:
    from transforms.victims import RegisterSource


def ids_of_victims(entity_ids: Iterable[str], path: str | None) -> frozenset[str]:
    """Returns the ids in `entity_ids`, without epochs, of victims in the file, if any.

    A number counts in all forms of its country, also inside an address or a site.

    Raises:
        UsageError: for a file that cannot be used.
    """
    if path is None:
        return frozenset()
    known = load_victims(path)
    return ids_naming(entity_ids, known.distinct("phone"), known.entity_ids())


def ids_naming(
    entity_ids: Iterable[str], phones: Iterable[str], listed: Iterable[str]
) -> frozenset[str]:
    """Returns the ids in `entity_ids`, without epochs, that are `listed` or contain a number.

    Args:
        entity_ids: ids, with or without epochs.
        phones: numbers in E.164; each counts in all forms of its country.
        listed: ids without epochs.
    """
    from transforms.victims import contain_victims_number, hash_dial_formats

    ids = pa.array(sorted({without_epoch(entity_id) for entity_id in entity_ids}), TEXT)
    numbers = pa.array(sorted(f"phone:{phone}" for phone in phones), TEXT)
    forms = hash_dial_formats(pa.RecordBatch.from_pydict({"entity_id": numbers}))
    holds = contain_victims_number(ids, forms)
    named = pc.is_in(ids, pa.array(sorted(listed), TEXT))
    theirs = np.logical_or(holds, named.to_numpy(zero_copy_only=False))
    return frozenset(ids.filter(pa.array(theirs)).to_pylist())


def ids_in_register(entity_ids: Iterable[str], register: RegisterSource | None) -> frozenset[str]:
    """Returns the ids in `entity_ids`, without epochs, that are in a victim register, if any.

    This includes addresses, names and sites with a number of the register in them.
    """
    if register is None:
        return frozenset()
    from transforms.victims import read_lookup

    ids = pa.array(sorted({without_epoch(entity_id) for entity_id in entity_ids}), TEXT)
    return frozenset(read_lookup(register).find(ids, register.key)["entity_id"].to_pylist())


def contested_ids(entity_ids: Iterable[str], runs: Iterable[str]) -> frozenset[str]:
    """Returns the ids in `entity_ids`, without epochs, that are contested in any of the runs.

    The runs withhold them, as they may be a victim's. The result includes addresses and links with
    a contested number in them.

    Raises:
        UsageError: for a run that did not keep its contested identifiers.
    """
    contested: set[str] = set()
    for folder in runs:
        claimed, columns = pc.field("victim_reporters") > 0, ["kind", "value"]
        key, run = key_store.private_key(), Run.open(folder)
        counted = run.manifest["tallies"].get("contested")
        if counted and not private_files(run.folder, run.manifest, CONTESTED):
            raise UsageError(
                f"{folder}: has contested identifiers and was made without private/contested, by "
                "which offers of them are refused; make it again with --private-output DIR"
            )
        for rows in private_batches(run, CONTESTED, columns, key, claimed):
            contested.update(f"{row['kind']}:{row['value']}" for row in rows.to_pylist())
    phones = [
        entity_id.partition(":")[2] for entity_id in contested if entity_id.startswith("phone:")
    ]
    return ids_naming(entity_ids, phones, contested) if contested else frozenset()


def load_victims(path: str) -> Victims:
    """Reads the victims of the file `path`.

    Raises:
        UsageError: for a file that cannot be used.
    """
    with usage_errors(VictimsFileError):
        return load_victim_file(read_text(path), path)
