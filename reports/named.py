"""Which entity of a run a person means, however they write it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.tables import Run
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.kinds import EntityKind, Role
from schemas.tables import COMPLAINTS, ENTITIES
from transforms.identify.sightings import complaint_sightings

LONGEST = 500
"""Characters of a name that are looked at."""

_SPECIFIC = (
    EntityKind.EMAIL,
    EntityKind.ACCOUNT,
    EntityKind.WALLET,
    EntityKind.REMOTE,
    EntityKind.PHONE,
    EntityKind.URL,
    EntityKind.DOMAIN,
)
"""Where a text reads as several things that are in the run, the first of these is meant."""


class NotNamedError(ValueError):
    """A text that names no entity of the run, or several; the message is for its author."""


def find(run: Run, written: str) -> str:
    """The id of the one entity of a run that `written` names.

    Any form will do that the pipeline itself would read in a record: an id, `(888) 555-0123`,
    `hxxps://refund[.]example/pay`, an IBAN with blanks. National numbers are read as in the
    countries of the run's victims.

    Raises:
        NotNamedError: for none, or for several of one kind.
    """
    text = written.strip()[:LONGEST]
    candidates = pa.array(sorted({text, *_typed(text), *_read(text, _countries(run))}), pa.string())
    found = _there(run, pc.field("entity_id").isin(candidates))
    if not found:
        # An id without its scheme, such as a remote-access id whose tool is not told.
        bare = ":" + "".join(text.split())
        found = _there(run, pc.ends_with(pc.field("entity_id"), bare)) if len(bare) > 1 else []
    if text in found:
        return text
    for kind in (*_SPECIFIC, *(other for other in EntityKind if other not in _SPECIFIC)):
        of_kind = [one for one in found if one.startswith(f"{kind}:")]
        if len(of_kind) == 1:
            return of_kind[0]
        if of_kind:
            raise NotNamedError(f"{written!r} can be {', '.join(of_kind)}: name one of them")
    raise NotNamedError(f"{written!r} is nothing that this run found; see its entities/")


def _there(run: Run, wanted: pc.Expression) -> list[str]:
    return tables.read(run, ENTITIES, ["entity_id"], wanted)["entity_id"].to_pylist()


def _typed(text: str) -> list[str]:
    return [f"{kind}:{text}" for kind in EntityKind]


def _countries(run: Run) -> list[str | None]:
    """The victims' countries; the last is unknown, for what needs none."""
    found = tables.tally(run, COMPLAINTS, ("victim_country",))["victim_country"].to_pylist()
    return [*(one for one in found if one is not None), None]


def _read(text: str, countries: list[str | None]) -> list[str]:
    """What the pipeline would read in a complaint that has `text` in every field."""
    moment = pa.scalar(0, COMPLAINT_ACCEPTED.field("received_at").type).as_py()
    complaints = [
        {
            "complaint_id": str(row),
            "source_org": "asked",
            "received_at": moment,
            "source": "",
            "position": 0,
            "format": "",
            "victim_country": country,
            "phone_numbers": [{"raw": text, "role": str(Role.CALLBACK)}],
            "urls": [text],
            "emails": [text],
            "payments": [{"method": None, "payee": text, "amount": None, "currency": None}],
            "remote_access": [{"tool": None, "id": text}],
            "narrative": text,
        }
        for row, country in enumerate(countries)
    ]
    sighted = complaint_sightings(pa.RecordBatch.from_pylist(complaints, COMPLAINT_ACCEPTED))
    return sighted["entity_id"].to_pylist()
