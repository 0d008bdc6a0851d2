"""How much of a text is searched for identifiers, and so how much of it may be kept.

What was not searched may hold a victim's number, so nothing of it is shown.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

SEARCHED = 12_000
"""Code points of a text that are searched, about four pages."""
EDGE = 200
"""Code points before that end in which an identifier may begin whose end is not seen."""


def searched(texts: pa.Array) -> pa.Array:
    """What is searched of each text, strings or null."""
    return pc.utf8_slice_codeunits(texts, 0, SEARCHED) if _any_longer(texts) else texts


def shown(texts: pa.Array) -> pa.Array:
    """Texts without what is not searched, and the edge before it; each says how much went."""
    return pa.array(map(_shown, texts.to_pylist()), pa.string()) if _any_longer(texts) else texts


def _shown(text: str | None) -> str | None:
    if text is None or len(text) <= SEARCHED:
        return text
    kept = SEARCHED - EDGE
    return f"{text[:kept]} [{len(text) - kept} more characters, not read]"


def _any_longer(texts: pa.Array) -> bool:
    return (pc.max(pc.binary_length(texts)).as_py() or 0) > SEARCHED
