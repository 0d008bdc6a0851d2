"""`ringtrace decide RUN --decisions FILE KIND ENTITY [ENTITY]`: records a decision of an analyst.

The decision is bound to the evidence that RUN shows, signed, chained to the last signed decision,
and added to FILE. Give FILE to the next run. `--from` records together the decisions that the
workbench kept in a browser.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import key_store
from pipelines.journal import is_same, waiting_decisions
from pipelines.ledger import signing_flags
from pipelines.letters import accepted_offers
from pipelines.options import (
    PEOPLE_FLAG,
    BusyError,
    Row,
    UsageError,
    add_notice,
    all_of,
    flag,
    say,
    switch,
    system_errors,
    usage_errors,
)
from pipelines.people import check_may_sign, is_two_person, person_named, read_people
from pipelines.progress import printable
from pipelines.safe_files import locked, write_whole
from pipelines.user_files import (
    MOST_DECISIONS_BYTES,
    check_basis,
    check_continues,
    check_last_row,
    check_unchanged,
    contested_values,
    last_rows,
    open_run,
    parse_decisions_text,
    read_text,
    record_last_row,
    shown_entities,
)
from reports import signing, tables
from reports.decided_evidence import evidence_digest
from reports.explain import NotNamedError, cut_lines, describe_cuts, find_entity
from reports.run import Run
from reports.text import quantity
from schemas.decision import (
    ACCUSING_DECISIONS,
    CLUSTER_DECISIONS,
    PAIR_DECISIONS,
    REVIEWING_DECISIONS,
    DecisionKind,
)
from schemas.entity import is_withheld
from schemas.facts import have_facts
from schemas.tables import CLUSTERS, ENTITIES, MEMBERS
from transforms.custody import current_time
from transforms.decisions import (
    NOBODY,
    BoundBy,
    Decision,
    DecisionError,
    People,
    bind,
    decisions_in_force,
    is_blind,
    named_to_bind,
    parse_decisions,
    sign_decision,
    with_decision_added,
)
from transforms.decode import without_formula
from transforms.extract import LegitimateListError, canonical_entity_id

NOTHING_OPEN = "none: command line"
"""The narratives and links that the author had open: the command line shows none."""

NAMING_DECISIONS = (DecisionKind.CONFIRM, DecisionKind.REVIEW, DecisionKind.MUST_LINK)
"""Kinds that say who holds an identifier; not allowed while it is contested."""

VOUCHING_DECISIONS = (DecisionKind.CONFIRM, DecisionKind.MUST_LINK)
"""Kinds by which an author vouches that members belong together, however few reporters say so."""

BY_USE = ("shared_host", "ubiquitous", "hub")
"""Facts that suppress an identifier for how it is used; a decision can put it back."""

MOST_MEMBERS_SHOWN = 20
"""Largest number of members printed; the file has all."""


add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run: what is decided on"),
    flag(
        "kind",
        "KIND",
        "confirm or dispute (its cluster), review (it alone), must_link or cannot_link (two), "
        "legitimate (it is no scammer's), suspect_held or victim_owned (whose a contested one is)",
        nargs="?",
        choices=[str(kind) for kind in DecisionKind],
    ),
    flag("a", "ENTITY", "in any form, such as '(888) 555-0123'", nargs="?"),
    flag("b", "ENTITY", "the other one, of must_link and cannot_link", nargs="?"),
    flag(
        "--decisions",
        "FILE",
        "CSV or JSON Lines that the decision is added to; made where it is absent",
        required=True,
    ),
    flag("--author", "NAME", "who decides", required=True),
    PEOPLE_FLAG,
    flag("--reason", "TEXT", "the reason, which is shown beside each change"),
    flag(
        "--from",
        "FILE",
        "file of decisions that were made on RUN in a browser, in place of KIND, ENTITY and "
        "--reason",
        dest="source",
    ),
    switch("--dry-run", "say what it would cover, and write nothing"),
    flag("--expires", "TIME", "until when it is in force (default: without end)"),
    signing_flags("when it is decided"),
)
"""The flags of `ringtrace decide`."""


def run(arguments: Namespace) -> int:
    """Adds the decision to the file and prints what it covers; returns the exit status 0.

    Raises:
        RunError: if RUN is no finished run.
        UsageError: see `record_decision` and `record_all`.
    """
    words = (arguments.kind, arguments.a, arguments.reason)
    if arguments.source is not None and words != (None,) * 3:
        raise UsageError(
            f"{arguments.source}: has the decisions; leave KIND, ENTITY and --reason out"
        )
    if arguments.source is None and None in words:
        raise UsageError("give KIND, ENTITY and --reason, or --from FILE")
    finished = open_run(arguments.run, built_on=True)
    people = read_people(arguments.people)
    author = person_named(arguments.author, people).id
    waiting, taken = waiting_decisions(arguments.decisions)
    before = {"waiting": waiting, "taken": taken}
    options = {"key": arguments.key, "dry_run": arguments.dry_run, "people": people, **before}
    if arguments.source is not None:
        text = read_text(arguments.source)
        made = [
            replace(decision, author=author, opened=decision.opened or "the page did not say")
            for decision in _parsed(text, arguments.source)
        ]
        every = record_all(finished, arguments.decisions, made, arguments.source, **options)
    else:
        asked = Decision(
            decision_id="",
            kind=DecisionKind(arguments.kind),
            entity_a=arguments.a,
            entity_b=arguments.b,
            author=author,
            reason=arguments.reason,
            decided_at=arguments.now or current_time(),
            expires_at=arguments.expires,
            opened=NOTHING_OPEN,
        )
        every = [record_decision(finished, arguments.decisions, asked, **options)]
    for recorded in every:
        say(*recorded_lines(recorded, arguments.decisions))
    return 0


@dataclass(frozen=True)
class RecordedDecision:
    """A decision as its file has it, with the SHOWN rows that it was bound to.

    Attributes:
        withheld: by id, the withheld id under which a run shows a contested identifier.
        unsigned: number of rows of the file that no known key signed.
        taken_back: decisions that this one outweighs from the next run on.
        cuts: the weakest cuts and thin joins of the clusters that a confirm or must_link is about,
            as `describe_cuts` returns them. Its author must see every join that it vouches for.
        puts_back: by id, why a put-back identifier was suppressed.
        written: false for a dry run.
    """

    decision: Decision
    shown: pa.Table
    withheld: Mapping[str, str]
    unsigned: int
    taken_back: tuple[Decision, ...] = ()
    cuts: tuple[Row, ...] = ()
    puts_back: Mapping[str, str] = field(default_factory=dict)
    written: bool = True


def record_decision(
    finished: Run,
    decisions: str,
    asked: Decision,
    *,
    key: str | None = None,
    waiting: Sequence[Decision] = (),
    taken: Collection[str] = (),
    wanted_id: str = "",
    dry_run: bool = False,
    people: People = NOBODY,
) -> RecordedDecision:
    """Binds a decision to what a run shows, signs it, and adds it to a file, whole or not at all.

    Args:
        finished: The run that the decision is about.
        decisions: The file; it is made if absent.
        asked: The decision. Its entities are in any form, and its id is ignored. Members and a
            digest of evidence, if given, are what its author was shown.
        key: A private key file in place of the own key, which is made if absent.
        waiting: Decisions that will be recorded before it.
        taken: Ids that it must not get, besides those in the file.
        wanted_id: Its id, if that is free.
        dry_run: Checks whether it could be recorded and what it covers, and writes nothing.
        people: The people, if they are known.

    Raises:
        UsageError: for an author without the right, an entity that the run does not show, or a file
            that cannot be read or written. Also for a decision that has no reason, covers nothing,
            contradicts another one, or was made on other evidence than the run shows now.
        AlteredRunError: if a table was changed since the run wrote it.
    """
    path = _path(decisions)
    with system_errors(path, "give a file that can be written"):
        path.parent.stat()  # an absent folder is an error, and is not made
    with locked(path):
        ids = frozenset(taken), wanted_id
        return _record(finished, decisions, asked, path, key, waiting, ids, people, dry_run=dry_run)


def _record(
    finished: Run,
    decisions: str,
    asked: Decision,
    path: Path,
    key: str | None,
    waiting: Sequence[Decision],
    ids: tuple[frozenset[str], str],
    people: People,
    *,
    dry_run: bool,
) -> RecordedDecision:
    """Records a decision as `record_decision` does; the caller has locked the file at `path`."""
    _check_askable(finished, asked)
    check_may_sign(asked.author, people, key)
    two_person = is_two_person(finished)
    parse = partial(parse_decisions_text, path=decisions, people=people, two_person=two_person)
    compared = check_unchanged(finished)
    before = read_text(str(path), MOST_DECISIONS_BYTES) if path.exists() else None
    known = () if before is None else parse(before)
    check_last_row(known, decisions, last_rows())
    try:
        check_continues(known, decisions, finished.folder)
    except UsageError as error:  # only a note: a protecting decision must be easy to record
        add_notice(f"{error}; a run that follows {finished.folder} refuses it")
    contested = contested_values(finished)
    rows, before_it = known, (*known, *waiting)
    is_hidden = is_blind(known, people) if two_person else lambda _: False
    decision, shown = _bound(finished, asked, before_it, ids, contested)
    decision = replace(_as_shown(finished, asked, decision, contested), compared_with=compared)
    (decision,) = _parsed(with_decision_added("", decision), decisions)
    # A refusal of the second verdict would reveal the first.
    is_judged = two_person and decision.kind in REVIEWING_DECISIONS
    every_back = () if is_judged else _taken_back(before_it, decision, decisions)
    taken_back = tuple(
        each for each in every_back if each.author == decision.author or not is_hidden(each)
    )
    if again := [each.decision_id for each in waiting if is_same(decision, each, "members")]:
        raise UsageError(f"{again[0]}: says the same, and is recorded soon; leave this one out")
    if not dry_run:
        signer = key_store.own_key(key)
        key_id = signing.key_id(signer.public_key())
        decision = sign_decision(decision, known, key_id, signer.sign)
    text = with_decision_added(before or "", decision)
    if len(text.encode()) > MOST_DECISIONS_BYTES:
        raise UsageError(
            f"{decisions}: would be larger than {MOST_DECISIONS_BYTES} bytes, which no run reads; "
            "give another name, for a new file"
        )
    if not dry_run:
        rows = parse(text)
        _write(path, before, text)
        record_last_row(rows, path)
        decision = next(row for row in rows if row.decision_id == decision.decision_id)
    return RecordedDecision(
        decision,
        shown,
        withheld={own: stands for stands, own in contested.items()},
        unsigned=sum(row.signed_by is None for row in rows),
        taken_back=taken_back,
        cuts=_cuts(finished, decision),
        puts_back=_put_back(finished, decision),
        written=not dry_run,
    )


def _check_askable(finished: Run, asked: Decision) -> None:
    """Raises UsageError for no reason, a wrong number of entities, or a run that accuses nobody."""
    if not any(map(str.isalnum, asked.reason)):
        raise UsageError(f"{asked.kind}: give a reason in words; it is shown beside each change")
    if asked.kind in PAIR_DECISIONS and asked.entity_b is None:
        raise UsageError(f"{asked.kind} is about two entities; name the other one")
    if asked.kind not in PAIR_DECISIONS and asked.entity_b is not None:
        raise UsageError(f"{asked.kind} is about one entity; leave {asked.entity_b} out")
    if asked.kind not in ACCUSING_DECISIONS:
        return
    if void := accepted_offers.void_offers(finished, asked.decided_at):
        raise UsageError(
            f"{finished.folder}: an offer in it is void ({min(void.values())}); make the join "
            "again without it, and decide on that"
        )
    check_basis(finished)


def _bound(
    finished: Run,
    asked: Decision,
    known: tuple[Decision, ...],
    ids: tuple[frozenset[str], str],
    contested: Mapping[str, str],
) -> tuple[Decision, pa.Table]:
    """Binds a decision under a free id; returns it, and the SHOWN rows that it is bound to.

    Raises:
        UsageError: for an entity that the run does not show, or that cannot be decided so.
    """
    entities = [_entity(finished, entity, contested) for entity in asked.entities]
    for written, entity in zip(asked.entities, entities, strict=True):
        if asked.kind in NAMING_DECISIONS and entity in contested.values():
            raise UsageError(
                f"{written}: is contested; decide suspect_held or victim_owned first: say who "
                "holds it"
            )
    # An id that no decision of the file has, such as confirm-20260301-1.
    taken, wanted = ids
    used = taken.union(row.decision_id for row in known)
    day = f"{asked.decided_at:%Y%m%d}"
    # Numbers by kind would tell a second person which verdicts were given before.
    first = len(used) + 1 if is_two_person(finished) else 1
    names = (f"{asked.kind}-{day}-{number}" for number in range(first, first + len(used) + 1))
    ends: Row = dict(zip(("entity_a", "entity_b"), entities, strict=False))
    name = next(name for name in (wanted or next(names), *names) if name not in used)
    reason, opened = map(without_formula, (asked.reason, asked.opened or ""))
    asked = replace(asked, reason=reason, opened=opened or None)
    decision = replace(asked, decision_id=name, **ends, members=None, signature=None, void=None)
    shown, interval = shown_entities(finished, named_to_bind([decision]))
    (decision,) = bind([decision], shown, interval, finished.run_id, BoundBy.FILE)
    if decision.kind in REVIEWING_DECISIONS:
        _check_reviewed(finished, decision)
    return decision, shown


def _as_shown(
    finished: Run, asked: Decision, decision: Decision, contested: Mapping[str, str]
) -> Decision:
    """Returns a bound decision with the digest of the evidence that the run shows.

    Raises:
        UsageError: if its author was shown other evidence, or other members of the cluster.
    """
    names = {own: stands for stands, own in contested.items()}
    shown = (evidence_digest(finished, names.get(each, each)) for each in decision.entities)
    digest = " ".join(dict.fromkeys(shown))
    same = asked.evidence_digest in (None, digest)
    if asked.members is not None and asked.kind in CLUSTER_DECISIONS:
        before, now = (
            {contested.get(each, each) for each in row.members or ()} for row in (asked, decision)
        )
        same &= before == now
    if not same:
        raise UsageError(
            f"{asked.entity_a}: {finished.folder} shows other members or evidence than this was "
            "decided on; reload the page, and decide on what it shows then"
        )
    return replace(decision, evidence_digest=digest)


def _cuts(finished: Run, decision: Decision) -> tuple[Row, ...]:
    """Returns the weakest cuts and thin joins of the clusters that a decision vouches for."""
    if decision.kind not in VOUCHING_DECISIONS:
        return ()
    named = pc.field("entity_id").isin(pa.array(decision.entities, pa.string()))
    ids = tables.read_table(finished, MEMBERS, ["cluster_id"], named)["cluster_id"]
    rows = tables.read_table(
        finished, CLUSTERS, where=pc.field("cluster_id").isin(ids.combine_chunks())
    )
    return tuple(cut for row in rows.to_pylist() for cut in describe_cuts(finished, row))


def _put_back(finished: Run, decision: Decision) -> dict[str, str]:
    """Returns, by entity that a decision puts back into the graph, why it was suppressed."""
    if decision.kind not in (DecisionKind.SUSPECT_HELD, DecisionKind.MUST_LINK):
        return {}
    wanted = pc.field("entity_id").isin(pa.array(decision.entities, pa.string()))
    rows = tables.read_table(finished, ENTITIES, ["entity_id", "reason", "facts"], wanted)
    rows = rows.filter(have_facts(rows["facts"], BY_USE))
    return dict(zip(rows["entity_id"].to_pylist(), rows["reason"].to_pylist(), strict=True))


def record_all(
    finished: Run, decisions: str, made: Iterable[Decision], source: str, **options: Any
) -> list[RecordedDecision]:
    """Checks each decision of a file by itself, then records all in their order.

    Args:
        finished: The run on which they were made.
        decisions: The file that they are added to.
        made: The decisions.
        source: The name of their file, for errors.
        options: As for `record_decision`.

    Raises:
        UsageError: for a decision made on another run, or one that `record_decision` refuses.
    """
    ordered = sorted(made, key=lambda decision: (decision.decided_at, decision.decision_id))
    for decision in ordered:
        if decision.run_id not in (None, finished.run_id):
            raise UsageError(
                f"{source}: {decision.decision_id} was made on {decision.run_id}; name that run"
            )
    checked = [
        record_decision(finished, decisions, decision, **options | {"dry_run": True})
        for decision in ordered
    ]
    if options.get("dry_run"):
        return checked
    return [record_decision(finished, decisions, decision, **options) for decision in ordered]


def _path(name: str) -> Path:
    """Returns the path of the decisions file."""
    try:
        path = Path(os.path.realpath(name))
        path.exists()
    except (OSError, ValueError):  # not a possible file name
        raise UsageError(f"{printable(name[:80])}: cannot be opened; give another file") from None
    return path


def _parsed(text: str, name: str) -> tuple[Decision, ...]:
    with usage_errors(DecisionError):
        return parse_decisions(text, name)


def _entity(finished: Run, written: str, contested: Mapping[str, str]) -> str:
    """Returns the id of an entity that the run shows, also if it is contested.

    `contested` has the ids of contested entities, by the withheld ids that the run shows.
    """
    try:
        entity_id = find_entity(finished, written)
    except NotNamedError as error:
        with suppress(LegitimateListError):
            if (own := canonical_entity_id(written.strip())) in contested.values():
                return own
        raise UsageError(f"{finished.folder}: {error}; name what it shows") from None
    if is_withheld(entity_id) and entity_id not in contested:
        raise UsageError(
            f"{written}: is a victim's own in this run, which withholds its value; add "
            "a row about the value to the decisions file by hand"
        )
    return contested.get(entity_id, entity_id)


def _check_reviewed(finished: Run, decision: Decision) -> None:
    """Raises UsageError for a confirm or a review of an entity that is no member, or came later."""
    wanted = pa.array([decision.entity_a])
    in_cluster = tables.read_table(
        finished, MEMBERS, ["entity_id"], pc.field("entity_id").isin(wanted)
    )
    if not in_cluster.num_rows:
        raise UsageError(
            f"{decision.entity_a}: is in no cluster of {finished.folder}; name a member to "
            f"{decision.kind}"
        )
    if decision.entity_a not in (decision.members or ()):
        raise UsageError(
            f"--now: {decision.entity_a} has its first record later than that; give a later time"
        )


def _taken_back(known: tuple[Decision, ...], decision: Decision, name: str) -> tuple[Decision, ...]:
    """Returns the decisions in force that a new one outweighs; protecting ones are always allowed.

    Raises:
        UsageError: if a decision in force outweighs the new one.
    """
    clock = decision.decided_at
    before = decisions_in_force(known, None, clock).binding
    after = dict(decisions_in_force((*known, decision), None, clock).set_aside)
    if why := after.get(decision.decision_id):
        raise UsageError(
            f"{name}: contradicts a decision that is in force ({why}), so it was not "
            "recorded; a signed decision ends only at its own --expires"
        )
    return tuple(earlier for earlier in before if earlier.decision_id in after)


def _write(path: Path, before: str | None, text: str) -> None:
    """Replaces the whole file, unless it was changed by other means.

    Raises:
        BusyError: if it was changed.
        UsageError: if it cannot be written.
    """
    with system_errors(path, "give a file that can be written"):
        like = path.stat() if path.exists() else None
        if (read_text(str(path), MOST_DECISIONS_BYTES) if path.exists() else None) != before:
            raise BusyError(f"{path}: was changed meanwhile; run this again")
        write_whole(path, text.encode(), like)


def recorded_lines(recorded: RecordedDecision, name: str) -> list[str]:
    """Returns what a decision in the file `name` covers; victims' identifiers by withheld ids."""
    decision, shown, withheld = recorded.decision, recorded.shown, recorded.withheld
    members = decision.members or ()
    others = shown.num_rows - len(members) if decision.kind is DecisionKind.CONFIRM else 0
    lines = [
        f"{decision.decision_id}: {decision.kind} covers "
        f"{quantity(len(members), 'identifier')} of {decision.run_id}",
        *(f"  {withheld.get(member, member)}" for member in members[:MOST_MEMBERS_SHOWN]),
    ]
    if len(members) > MOST_MEMBERS_SHOWN:
        lines.append(f"  and {len(members) - MOST_MEMBERS_SHOWN} more")
    if others > 0:
        lines.append(
            f"{others} of its cluster, to be verified or later than the decision, "
            f"{'stays' if others == 1 else 'stay'} unreviewed"
        )
    lines += [
        f"puts back {entity_id}, and names whoever holds it, which the run had left out: {reason}"
        for entity_id, reason in recorded.puts_back.items()
    ]
    for earlier in recorded.taken_back:
        on = quantity(len(earlier.members or ()), "identifier")
        lines.append(
            f"takes back {earlier.decision_id} ({earlier.kind} by {earlier.author}, on {on})"
        )
    for cut in recorded.cuts:
        lines += cut_lines(cut)
        if cut["thin"]:
            covered = {withheld.get(member, member) for member in members}
            both = covered & set(cut["side"]) and covered & set(cut["others"])
            lines.append(f"  this {decision.kind} {'vouches' if both else 'does not vouch'} for it")
    signature = decision.signature
    if recorded.written:
        lines.append(f"signed by {signature.key_id if signature is not None else 'nobody'}")
    if decision.void is not None:
        lines.append(f"without effect yet: {decision.void}")
    if recorded.unsigned:
        lines.append(f"not signed by a known key: {recorded.unsigned} of the decisions in {name}")
    if recorded.written:
        lines.append(f"{name} has it; give it as --decisions to the next run")
    else:
        lines.append("a dry run: nothing was written")
    return [printable(line) for line in lines]
