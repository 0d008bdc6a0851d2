"""STIX bundles beside the clusters' pages: for some of them, where the library is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec

from reports import stix
from reports.cluster_facts import Facts
from schemas.manifest import Manifest


@dataclass(frozen=True)
class StixFiles:
    """The clusters that get a bundle, and what a page of another says instead."""

    run_id: str
    moment: datetime | None
    cluster_ids: frozenset[str]
    instead: str

    @classmethod
    def of(
        cls, manifest: Manifest, cluster_ids: Sequence[str], newest: datetime | None
    ) -> StixFiles:
        """Bundles of `cluster_ids` at the run's --as-of, or else its newest record."""
        as_of = manifest["options"].get("as_of")
        moment = datetime.fromisoformat(as_of) if isinstance(as_of, str) else newest
        if not _installed():
            missing = "it needs the stix2 library where the report is written: pip install "
            return cls(manifest["run_id"], moment, frozenset(), missing + "'ringtrace[referral]'")
        more = "made for the clusters of highest priority; ringtrace report RUN --stix all"
        return cls(manifest["run_id"], moment, frozenset(cluster_ids), more + " makes the others")

    def bundle(self, facts: Facts) -> bytes:
        """The bundle of one cluster."""
        return stix.bundle(facts, self.moment or facts.row["last_seen"], self.run_id)


def _installed() -> bool:
    try:
        return find_spec("stix2") is not None
    except ValueError:  # it was imported and taken away
        return False
