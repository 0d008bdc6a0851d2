"""Traits of clusters: the scripts, blocks of numbers, trunks and origination ids that each uses.

Reporters are counted, not records (`transforms.values.reporters`). Pseudonyms of an organisation
that send the same text within hours count as a single reporter, whatever clusters they name. Calls
of a complaint have its reporter. Contested identifiers do not count: they may be a victim's.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.entity import without_epochs
from schemas.enums import EntityKind, RecordKind, Status
from schemas.field import INTEGER, TEXT, TEXTS
from schemas.mention import MENTIONS, ROW
from transforms.arrow import (
    Array,
    aggregate,
    explode,
    group_starts,
    hash_text,
    is_among,
    row_tuples,
    sorted_lookup,
    sorted_unique,
    true_mask,
    with_column,
)
from transforms.graph.assign import NO_CLUSTER, assigned_rows, clusters_of
from transforms.graph.incidence import WORDLESS, are_hard, first_of_spans, has_loss, shared_text
from transforms.graph.link_weights import reporter_hashes
from transforms.graph.robustness import near_misses

USE = pa.schema(
    {
        "thing": TEXT,
        "cluster": INTEGER,
        "entity_id": TEXT,
        "reporter": INTEGER,
        "text": INTEGER,
        "first": INTEGER,
        "last": INTEGER,
        "filed": INTEGER,
    }
)
"""A reporter who names a member of a cluster together with a thing that clusters can share.

`thing` is the id of a script, a trunk, an origination id or a block of numbers. `entity_id` is the
cluster's first member by id in a record. `text` is a hash of the organisation and the complaint's
text, or 0 if the reporter always counts (`_bounded`). `filed` is the first date of filing. Times
are in microseconds since 1970.
"""

TRAIT = pa.schema(
    {
        "thing": TEXT,
        "cluster": INTEGER,
        "entity_ids": TEXTS,
        "reporters": pa.list_(INTEGER),
        "counted": INTEGER,
        "first": INTEGER,
        "last": INTEGER,
    }
)
"""A thing, a cluster that uses it, and the reporters who show that.

A burst of reporters with the same text counts once. `reporters` are the `MOST_REPORTERS` smallest
hashes, `counted` is the number of reporters.
"""

THINGS = (EntityKind.SCRIPT, EntityKind.TRUNK, EntityKind.ORIG_ID)
"""Kinds of entity that clusters can share, in the order of the models' features."""

BLOCK = "block"

BLOCK_DIGITS = 2
"""Number of last digits that may differ within a block."""

BLOCK_REPORTERS = 2
"""Least reporters of a number in a block: a wrong digit may make a stranger's number of it."""

MOST_REPORTERS = 32
"""Most hashes of reporters that a trait keeps, to count the reporters of several traits."""

MOST_LISTED = 12
"""Most identifiers of a cluster that are listed for a thing."""


def campaign_uses(evidence: pa.RecordBatch, assignment: pa.RecordBatch) -> pa.Table:
    """Converts CLASSIFIED rows of whole groups to USE rows.

    Contested members are left out, because they may be a victim's.
    """
    mentions = explode(evidence, MENTIONS)
    is_thing = is_among(mentions["kind"], THINGS)
    is_member = pc.invert(is_thing)
    if "status" in mentions.schema.names:
        suppressed = pc.fill_null(pc.equal(mentions["status"], Status.SUPPRESSED), False)
        is_thing = pc.and_(is_thing, pc.invert(suppressed))
        is_member = pc.and_(is_member, pc.equal(mentions["status"], Status.INFRASTRUCTURE))
    needed = mentions.select(["entity_id", "kind", "role", "how", ROW])
    things, members = needed.filter(is_thing), needed.filter(is_member)
    cluster = clusters_of(assigned_rows(assignment, hash_text(members["entity_id"])))
    members = members.append_column("cluster", pa.array(cluster)).filter(cluster != NO_CLUSTER)
    seen = _records(evidence, things.filter(pc.equal(things["kind"], EntityKind.SCRIPT)))

    used = seen.take(things[ROW]).append_column("thing", things["entity_id"])
    named = seen.take(members[ROW])
    for name in ("cluster", "entity_id"):
        named = named.append_column(name, members[name])
    member_once = aggregate(named, ["group", "cluster"], [("entity_id", "min")])
    beside = used.join(member_once, "group", join_type="inner", use_threads=False)

    number = pc.and_(pc.equal(members["kind"], EntityKind.PHONE), are_hard(members["role"]))
    blocks = named.filter(number)
    blocks = blocks.append_column("thing", _blocks(blocks["entity_id"]))
    key = ["thing", "cluster", "entity_id", "reporter", "text"]
    every = pa.concat_tables([table.select([*key, "at", "filed"]) for table in (beside, blocks)])
    spans = [("at", "min"), ("at", "max"), ("filed", "min")]
    uses = every.group_by(key, use_threads=False).aggregate(spans)
    columns = [*key, "at_min", "at_max", "filed_min"]
    return uses.select(columns).rename_columns(USE.names).cast(USE)


def trait_rows(uses: pa.Table) -> pa.Table:
    """Converts USE rows of whole things to TRAIT rows."""
    if not uses.num_rows:
        return TRAIT.empty_table()
    uses = with_column(uses, "reporter", pa.array(_bounded(uses)))
    uses = _attested_numbers(uses)
    spans = [("first", "min"), ("last", "max")]
    people = [("entity_id", "distinct"), ("reporter", "distinct")]
    traits = uses.group_by(["thing", "cluster"], use_threads=False).aggregate([*people, *spans])
    reporters = traits["reporter_distinct"].to_pylist()
    names = uses["entity_id"].combine_chunks().unique()
    hashes = dict(zip(names.to_pylist(), hash_text(names).tolist(), strict=True))
    columns = {
        "thing": traits["thing"],
        "cluster": traits["cluster"],
        "entity_ids": [
            sorted(ids, key=hashes.__getitem__)[:MOST_LISTED]
            for ids in traits["entity_id_distinct"].to_pylist()
        ],
        "reporters": [sorted(known)[:MOST_REPORTERS] for known in reporters],
        "counted": list(map(len, reporters)),
        "first": traits["first_min"],
        "last": traits["last_max"],
    }
    return pa.table(columns, schema=TRAIT)


def _records(evidence: pa.RecordBatch, scripts: pa.RecordBatch) -> pa.Table:
    """Returns the group, reporter, text and times of each row of CLASSIFIED.

    Calls of a complaint have its reporter. For other calls without a pseudonym the reporter is the
    organisation. `scripts` are the mentions of scripts in `evidence`.
    """
    group = hash_text(evidence["group_id"])
    complaint = true_mask(pc.equal(evidence["record_kind"], RecordKind.COMPLAINT))
    keys = evidence["reporter_key"]
    known = true_mask(keys.is_valid())
    org = hash_text(evidence["source_org"]) & ~np.int64(1)
    reporter = np.where(known, reporter_hashes(pc.fill_null(keys, "")), org)
    rows = np.flatnonzero(known & complaint)
    reporter = _first_by_group(group, rows, reporter[rows], reporter)
    text = _texts(evidence, scripts, group)
    lost = sorted_unique(group[true_mask(has_loss(evidence["loss_amount"]))])
    named = (reporter & 1).astype(bool)
    text = np.where(complaint & named & ~np.isin(group, lost), text, 0)
    moments = evidence["observed_at"].cast(INTEGER)
    filed = pc.coalesce(evidence["filed_at"], evidence["observed_at"]).cast(INTEGER).to_numpy()
    rows = np.flatnonzero(true_mask(evidence["filed_at"].is_valid()))
    filed = _first_by_group(group, rows, filed[rows], filed)
    columns = {"group": group, "reporter": reporter, "text": text, "at": moments, "filed": filed}
    return pa.table(columns)


def _texts(evidence: pa.RecordBatch, scripts: pa.RecordBatch, group: Array) -> Array:
    """Returns, for each row, a hash of the organisation and of its complaint's text.

    The text is the first `shared_text` of the narrative, or `WORDLESS`. Without either the hash is
    0. It is only used for pseudonyms that state no loss.
    """
    orgs = evidence["source_org"].take(scripts[ROW])
    text = shared_text(scripts["entity_id"], pc.fill_null(scripts["how"], ""))
    texts = hash_text(pc.binary_join_element_wise(orgs, text, "|"))
    few = np.flatnonzero(true_mask(evidence["wordless"]))
    orgs = evidence["source_org"].take(few)
    texts = np.append(texts, hash_text(pc.binary_join_element_wise(orgs, WORDLESS, "|")))
    rows = np.append(scripts[ROW], few)
    return _first_by_group(group, rows, texts, np.zeros(len(group), np.int64))


def _first_by_group(group: Array, rows: Array, values: Array, otherwise: Array) -> Array:
    """Returns, for each row, the smallest value of its group.

    `values` belong to `rows`. If a group has no value, its rows get their value from `otherwise`.
    """
    order = np.lexsort((values, group[rows]))
    known, values = group[rows][order], values[order]
    starts = group_starts(known)
    place, known_group = sorted_lookup(known[starts], group)
    filled = otherwise.copy()
    filled[known_group] = values[starts][place[known_group]]
    return filled


def _blocks(entity_ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns the block of each phone's id: its number with each of the last digits as an x."""
    numbers = pc.utf8_slice_codeunits(without_epochs(entity_ids), len("phone:"))
    kept = pc.utf8_slice_codeunits(numbers, 0, -BLOCK_DIGITS)
    return pc.binary_join_element_wise(f"{BLOCK}:", kept, "x" * BLOCK_DIGITS, "")


def _bounded(uses: pa.Table) -> Array:
    """Returns the reporter that each USE row counts for; `uses` has whole things.

    Reporters with the same text for a thing within hours count as the first (`first_of_spans`).
    """
    reporter, text, filed = (uses[name].to_numpy() for name in ("reporter", "text", "filed"))
    counted = reporter.copy()
    coded = uses["thing"].combine_chunks().dictionary_encode().indices.to_numpy()
    rows = np.flatnonzero(text != 0)
    texts = list(zip(coded[rows].tolist(), text[rows].tolist(), strict=True))
    people = reporter[rows].tolist()
    firsts = first_of_spans(zip(texts, filed[rows].tolist(), people, strict=True))
    counted[rows] = [firsts[witness] for witness in zip(texts, people, strict=True)]
    return counted


def _attested_numbers(uses: pa.Table) -> pa.Table:
    """Drops numbers of blocks that too few reporters name, or that a wrong digit may have made."""
    is_block = pc.starts_with(uses["thing"], f"{BLOCK}:")
    sums = [("reporter", "count_distinct")]
    counts = aggregate(uses.filter(is_block), ["thing", "entity_id"], sums)
    counts = counts.filter(pc.greater_equal(counts["reporter"], BLOCK_REPORTERS))
    numbers = pc.value_counts(counts["thing"])
    several = numbers.field("values").filter(pc.greater(numbers.field("counts"), 1))
    shared = counts.filter(pc.is_in(counts["thing"], several.cast(TEXT)))
    reporters = dict(row_tuples(shared, "entity_id", "reporter"))
    wrong = near_misses(reporters)
    kept = [number for number in reporters if number not in wrong]
    known = is_among(uses["entity_id"], kept)
    return uses.filter(pc.or_(pc.invert(is_block), known))
