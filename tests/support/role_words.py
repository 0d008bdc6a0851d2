"""Identifiers in a text and their roles, for the tests of finders and cues."""

import pyarrow as pa

from schemas.enums import EntityKind, Role
from transforms.decode.escapes import lower_in_place
from transforms.extract.kinds.registry import BY_KIND
from transforms.extract.mention import PlacedMatch
from transforms.extract.narrative import REACH, REACH_AFTER, find_in_narratives, infer_role


def in_narrative(text: str) -> list[PlacedMatch]:
    """An identifier that a victim in the US names in a narrative."""
    return find_in_narratives(pa.array([text]), pa.array(["US"]), pa.nulls(1, pa.string()))


def named_in(text: str) -> list[tuple[str, str]]:
    """The kind and the value of each of them."""
    return [(mention.match.kind, mention.match.value) for mention in in_narrative(text)]


def role_in_text(
    text: str,
    start: int,
    end: int,
    kind: EntityKind = EntityKind.PHONE,
    *,
    suspect_speaks: bool = False,
) -> Role | None:
    """Infers the role of `text[start:end]` from the words around it.

    Args:
        text: The whole text.
        start: Where the identifier begins, in code points.
        end: Where it ends.
        kind: What it is.
        suspect_speaks: The text is a transcript of the caller, whose "my number" is the suspect's.

    Returns:
        None where the words state no role; `Role.MENTIONED` where they say that it is somebody's
        who is no part of the scam.
    """
    before = lower_in_place(text[max(0, start - REACH) : start])
    following = lower_in_place(text[end : end + REACH_AFTER])
    return infer_role(before, following, BY_KIND[kind], suspect_speaks=suspect_speaks)
