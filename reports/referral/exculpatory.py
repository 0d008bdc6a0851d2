"""The exculpatory section, what a defence would say against the case, and the limits of it."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import pairwise

import networkx as nx

from reports.link_evidence import REASSIGNED_DAYS, SURE_CONFIDENCE
from reports.referral.blocks import Block, Grid, Points, Text, format_count
from reports.referral.case import Case
from reports.text import plain
from transforms.extract.kinds.registry import BY_KIND

TABLE_LIMIT = 12
"""Rows of a table here; the exhibits have all."""


def exculpatory_section(case: Case) -> list[Block]:
    """Returns the exculpatory section."""
    return [
        *_spoofing(case),
        *_owners(case),
        *_recycled(case),
        *_rejected(case),
        *_weak_points(case),
        *_near_misses(case),
        *_innocent(case),
    ]


def _spoofing(case: Case) -> list[Block]:
    roles = case.facts.roles
    both = [one for one in case.number if "caller_id" in roles.get(one, ())]
    alone = case.not_accused.caller_ids
    seen = (
        f"{format_count(len(both), 'identifier was', 'identifiers were')} seen as a caller id too "
        f"({numbered(case, both)}): calls that show them may not be from their holder."
        if both
        else "No identifier was seen as a caller id."
    )
    others = (
        f" The same records show {format_count(alone, 'number')} as caller ids alone; they are "
        "named nowhere here, since their subscribers may be innocent."
        if alone
        else ""
    )
    return [
        Text(
            "Spoofing. A caller id can be forged, whatever its attestation. No identifier is in "
            f"this referral because it was a caller id. {seen}{others}"
        )
    ]


def _owners(case: Case) -> list[Block]:
    kinds = list(dict.fromkeys(one["kind"] for one in case.facts.members))
    points = [BY_KIND[kind].caution for kind in kinds if BY_KIND[kind].caution]
    return [
        Text("Innocent holders. Nothing here says who holds an identifier. For each kind:"),
        Points(points),
    ]


def _day(ordinal: int) -> str:
    return str(date.fromordinal(ordinal))


def _recycled(case: Case) -> list[Block]:
    rows = []
    for entity_id in case.number:
        days = sorted(case.facts.days.get(entity_id, {}))
        gap = max((b - a for a, b in pairwise(days)), default=0)
        if entity_id.startswith("phone:") and gap >= REASSIGNED_DAYS:
            at = next((a, b) for a, b in pairwise(days) if b - a == gap)
            rows.append((str(case.number[entity_id]), plain(entity_id), *map(_day, at), str(gap)))
    rule = (
        "Recycled numbers. A US number can go to another subscriber 45 days after it is given up "
        "(47 CFR § 52.15(f)(1)(ii)). "
    )
    if not rows:
        return [Text(f"{rule}No number here was silent for that long between two records.")]
    return [
        Text(
            f"{rule}{format_count(len(rows), 'number was', 'numbers were')} silent for that long; "
            "the later records may be of another holder."
        ),
        Grid(
            "Numbers with a silence of 45 days or more",
            ("No.", "Number", "Last before", "First after", "Days"),
            rows[:TABLE_LIMIT],
            (0.08, 0.42, 0.18, 0.18, 0.14),
            ids=(1,),
            numbers=(0, 4),
        ),
    ]


def _rejected(case: Case) -> list[Block]:
    near = case.facts.near
    if not near:
        return [Text("Links not accepted. No link to an identifier outside was seen.")]
    counted = Counter((one["here"], one["there"], one["reason"]) for one in near)
    rows = [
        (str(case.number[here]), plain(there, 60), str(count), plain(reason))
        for (here, there, reason), count in counted.items()
    ]
    seen = format_count(len(near), "link")
    return [
        Text(
            f"Links not accepted. {seen} from an identifier of this referral to one outside "
            f"{'was' if len(near) == 1 else 'were'} seen and not accepted (Exhibit 7): the same "
            "records can name strangers, who are not named here."
        ),
        Grid(
            "Links not accepted, those of most evidence first",
            ("No.", "Outside", "Links", "Why not"),
            rows[:TABLE_LIMIT],
            (0.07, 0.38, 0.08, 0.47),
            numbers=(0, 2),
        ),
    ]


def _weak_points(case: Case) -> list[Block]:
    """Lists what the case rests on alone, among identifiers that are established themselves."""
    points = []
    wide = [one for one in case.bridges if len(one.side) > 1]
    ends = {one.link[end] for one in wide for end in ("entity_a", "entity_b")}
    for one in wide:
        seen = " and ".join(
            format_count(one.link[name], noun)
            for name, noun in (("complaints", "complaint"), ("calls", "call"))
            if one.link[name]
        )
        pair = " and ".join(f"No. {case.number[one.link[end]]}" for end in ("entity_a", "entity_b"))
        points.append(
            f"{len(one.side)} of the {format_count(len(case.number), 'identifier')} "
            f"({numbered(case, one.side)}) are tied to the rest by one link alone, between {pair}, "
            f"which {seen} show."
        )
    points += [
        f"Without No. {case.number[entity_id]}, {format_count(count, 'identifier')} would not be "
        "tied to the rest. It may serve two operations, as the account of a money mule or a "
        "forwarding service can."
        for entity_id, count in _separating(case)
        if entity_id not in ends
    ]
    ends_alone = [one.side[0] for one in case.bridges if len(one.side) == 1]
    if ends_alone:
        points.append(
            f"{format_count(len(ends_alone), 'identifier is', 'identifiers are')} tied by one link "
            f"alone ({numbered(case, ends_alone)})."
        )
    single = [
        one["entity_id"] for one in case.facts.members if one["complaints"] + one["calls"] < 2
    ]
    if single:
        points.append(
            f"{format_count(len(single), 'identifier is', 'identifiers are')} named by one record "
            f"alone ({numbered(case, single)}): one mistyped character would make it a stranger's."
        )
    sure = {
        one["entity_id"]
        for one in case.records.mentions
        if one["confidence"] >= SURE_CONFIDENCE and not one["also_read_as"]
    }
    misread = sorted({one["entity_id"] for one in case.records.mentions} - sure)
    if misread:
        points.append(
            f"{format_count(len(misread), 'identifier was', 'identifiers were')} only ever read "
            f"with doubt ({numbered(case, misread)})."
        )
    if not points:
        return [Text("Weak points. Every identifier is tied to the others by two links or more.")]
    return [
        Text("Weak points. What would have to be wrong for the whole to be wrong:"),
        Points(points),
    ]


def _separating(case: Case) -> list[tuple[str, int]]:
    """Returns identifiers without which two or more others part from the rest, and how many.

    Only parts of two identifiers or more count: a single loose end says nothing of the one that
    it hangs on.
    """
    graph = nx.Graph()
    graph.add_nodes_from(case.number)
    graph.add_edges_from(
        (one["entity_a"], one["entity_b"]) for one in case.facts.inside if one["accepted"]
    )
    found = []
    for entity_id in nx.articulation_points(graph):
        rest = graph.copy()
        rest.remove_node(entity_id)
        sizes = sorted(len(one) for one in nx.connected_components(rest))
        if parted := sum(one for one in sizes[:-1] if one > 1):
            found.append((entity_id, parted))
    return sorted(found, key=lambda one: (-one[1], case.number[one[0]]))


def _near_misses(case: Case) -> list[Block]:
    of = sorted({one["near_miss_of"] for one in case.left_out} & case.number.keys())
    if not of:
        return []
    count = sum(one["near_miss_of"] in case.number for one in case.left_out)
    return [
        Text(
            f"Slips of the pen. {format_count(count, 'more identifier')} of the same records "
            f"{'is' if count == 1 else 'are'} one digit off an identifier of this referral "
            f"({numbered(case, of)}), and fewer people reported "
            f"{'it' if count == 1 else 'them'}: they may be strangers' and are not named here."
        )
    ]


def _innocent(case: Case) -> list[Block]:
    left, others = len(case.not_accused.suppressed), case.not_accused.others
    parts = []
    if left:
        parts.append(
            f"{format_count(left, 'identifier that is', 'identifiers that are')} publicly known to "
            "be legitimate, such as a company's own customer service"
        )
    if others:
        parts.append(
            f"{format_count(others, 'identifier')} that an analyst's decision or the number of "
            "records clears"
        )
    if not parts:
        return [Text("Not accused. The records name no identifier that is known to be legitimate.")]
    return [
        Text(f"Not accused. The same records name {' and '.join(parts)}. They are not named here.")
    ]


def numbered(case: Case, ids: list[str]) -> str:
    """Returns the numbers of identifiers in Exhibit 2, 40 at most."""
    if not ids:
        return "none"
    numbers = sorted(case.number[one] for one in ids)
    shown = ", ".join(map(str, numbers[:40]))
    more = f" and {len(numbers) - 40} more" if len(numbers) > 40 else ""
    return f"No. {shown}{more}"


def limits_section(case: Case) -> list[Block]:
    """States the limits and the confidence, in the words of the recipient's scale."""
    scale, row = case.reference.scale, case.row
    words = [(one["word"], f"{one['low']} to {one['high']} %") for one in scale["words"]]
    counts = case.manifest["counts"]["complaints"]
    points = [
        "That the identifiers belong to one operation is "
        f"{case.reference.likelihood_wording(row['confidence'])}. The word stands for a score, the "
        "mean over the identifiers of how surely each is tied to the rest; it is no error rate "
        "measured on this case, and says nothing of any person.",
        "This referral says what complaints and call records say. Who was not reported is not in "
        "it.",
        f"Of {format_count(counts['read'], 'complaint')} that were read, {counts['duplicates']:,} "
        f"{'was a copy' if counts['duplicates'] == 1 else 'were copies'} and "
        f"{counts['rejected']:,} could not be used.",
        "Losses are what complaints state. They are neither proven nor complete.",
        "Times are of the organisations' records: when a complaint was received, not when the "
        "fraud happened.",
    ]
    return [
        Points(points),
        Grid(
            f"Words for likelihood: {scale['name']}, {scale['source']}, as of {scale['date']}",
            ("Word", "Stands for"),
            words,
            (0.5, 0.5),
        ),
    ]
