"""The truth of a world: which identifiers belong to one operation, and that evidence shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipelines.simulate.rings import Plan


def holders(plan: Plan) -> dict[str, int]:
    """How many rings each identifier serves that serves two or more: mules and what is recycled."""
    rings: dict[str, set[str]] = {}
    for ring in plan.rings:
        for slots in ring.slots.values():
            for slot in slots:
                for one in slot.held:
                    if one.entity_id in plan.shared:
                        rings.setdefault(one.entity_id, set()).add(ring.name)
    return {one: len(names) for one, names in sorted(rings.items()) if len(names) > 1}


@dataclass
class Ties:
    """What records have tied so far: a union-find forest over each ring's own identifiers.

    Identifiers that serve two rings are in no ring's truth and tie nothing. One that nothing ties
    to its ring but records that name another ring's too is left out: no evidence tells which of the
    two it belongs to, and a record that names it alone ties it to neither.
    """

    plan: Plan
    parents: dict[str, str] = field(default_factory=dict)
    sure: set[str] = field(default_factory=set)

    def add(self, entity_ids: Iterable[str]) -> None:
        """One record (with its calls) names these in hard roles."""
        owners, shared = self.plan.owners, self.plan.shared
        owned = [one for one in entity_ids if one in owners and one not in shared]
        first: dict[str, str] = {}
        for one in owned:
            root = self._root(one)
            self.parents[root] = self._root(first.setdefault(owners[one], one))
        if len(first) == 1 and len(set(owned)) > 1:
            self.sure.update(owned)

    def _root(self, one: str) -> str:
        parents = self.parents
        parents.setdefault(one, one)
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one

    def rows(self) -> Iterator[tuple[str, str]]:
        """`(entity_id, operation)`, sorted by id.

        Of a ring whose records fall into parts that nothing ties, only the largest part is in the
        truth: no evidence says whose the others are.
        """
        roots = {one: self._root(one) for one in self.parents}
        judged = sorted(self.sure)
        sizes = Counter(roots[one] for one in judged)
        least: dict[str, str] = {}
        for one in judged:
            least.setdefault(roots[one], one)
        main: dict[str, str] = {}
        for root in sorted(sizes, key=lambda root: (-sizes[root], least[root])):
            main.setdefault(self.plan.owners[root], root)
        for one in judged:
            ring = self.plan.owners[one]
            if roots[one] == main[ring]:
                yield one, ring
