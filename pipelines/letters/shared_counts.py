"""Signed counts of shared victims that were made here.

The cluster that a count is about stays beside the keys, in overlap/counted-SESSION.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines import key_store
from pipelines.letters.signed_files import SignedFile, read_letter_file
from pipelines.options import UsageError
from schemas.offer import Result
from schemas.records import Record

RESULT = "result.json"
"""Name of a count's file in its folder."""

State = TypeVar("State")

_NOT_COUNTED = "is not a count made here; `ringtrace exchange overlap compute` makes one"


class Counted(Record):
    """The cluster that a count is about, for a referral that prints it, and the result's SHA-256.

    The cluster is empty if all victims were compared.
    """

    cluster_id: str = ""
    members: tuple[str, ...] = ()
    result: str = ""


def state_path(name: str) -> Path:
    """Returns the path of a kept record: `asked-SESSION`, `counted-SESSION` ..."""
    return key_store.home() / "overlap" / f"{name}.json"


def recalled(name: str, kind: type[State], letter: Path, missing: str) -> State:
    """Returns a kept record; if there is none, the error has `missing` after the letter's path.

    Raises:
        UsageError: if there is none, or it cannot be read.
    """
    state = key_store.read_kept(state_path(name), kind, "make a new request")
    if state is None:
        raise UsageError(f"{letter}: {missing}")
    return state


def read_shared_count(
    name: str, key: Ed25519PublicKey, offers: Sequence[tuple[str, str]]
) -> tuple[SignedFile, Counted]:
    """Reads a signed count that was made here; returns it, and the cluster that it is about.

    Args:
        name: the letter, or its folder.
        key: the key that must have signed it, unless an earlier own key did.
        offers: senders and SHA-256 of the offers in the run.

    Raises:
        UsageError: for a count that another key signed, that is about no cluster or another offer,
            or that was not made here.
    """
    keys = {"": [key, *key_store.own_public_keys()]}
    read = read_letter_file(name, (RESULT,), (Result,), keys)
    path, result = read.path, read.content
    if result.about.offer is None:
        raise UsageError(f"{path}: is about all victims, not about a cluster; ask with --run")
    if (result.recipient, result.about.offer) not in offers:
        raise UsageError(f"{path}: is about an offer that this run was not joined with")
    kept = recalled(f"counted-{result.session}", Counted, path, _NOT_COUNTED)
    if kept.result != read.sha256:
        raise UsageError(f"{path}: {_NOT_COUNTED}")
    return read, kept
