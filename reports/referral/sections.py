"""The numbered sections of the document, but for the summary and the exculpatory section.

Long, since a section is a list of texts and tables, and counsel reads them side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from reports.figures.graph_figure import HEIGHT, WIDTH, graph_figure, member_positions
from reports.referral.blocks import (
    Block,
    Chart,
    Grid,
    Notice,
    Points,
    Text,
    draft_notice,
    format_count,
    format_money,
)
from reports.referral.case import Case
from reports.referral.exhibits import Exhibit
from reports.referral.losses import convert, exact_sum
from reports.text import plain
from schemas.enums import Role

MEMBER_LIMIT = 150
"""Members that the document lists; Exhibit 2 holds all."""

_ROLES = {
    "callback": "Numbers that victims were to call back",
    "caller_id": "Numbers that also called",
    "mentioned": "Mentioned in calls",
    "payee": "Accounts, wallets and handles to be paid",
    "operator": "Operators' remote-access ids",
    "lure_site": "Sites that victims were sent to",
    "sender": "Senders of messages",
    "signalling": "Signalling",
}


@dataclass(frozen=True)
class ElementEvidence:
    """The evidence on an element of an offence, its exhibits, and what is missing."""

    text: str
    exhibits: str
    missing: str


def infrastructure_section(case: Case) -> list[Block]:
    """Lists the members, by role."""
    facts = case.facts
    roles = Counter(one["role"] for one in facts.members)
    blocks: list[Block] = [
        Text(
            "No person is a subject of this referral yet. These identifiers are; the role is the "
            "part that each plays in most of its records. Exhibit 2 holds them all, Exhibit 3 "
            "every place where one was read. One that ends in #2 was silent so long that it counts "
            "as another holder's from then on. People are distinct reporters, by each "
            "organisation's own pseudonyms: however often one person complains, they count once."
        ),
        *_left_out(case),
        *_included(case),
    ]
    shown = 0
    for role, count in sorted(roles.items(), key=_most_first):
        rows = []
        for one in facts.members:
            if one["role"] != role or shown >= MEMBER_LIMIT:
                continue
            shown += 1
            rows.append(
                (
                    str(case.number[one["entity_id"]]),
                    plain(one["entity_id"], 80),
                    str(one["reporters"]),
                    str(one["complaints"]),
                    str(one["calls"]),
                    f"{one['first_seen']:%Y-%m-%d}",
                    f"{one['last_seen']:%Y-%m-%d}",
                    case.reference.likelihood_wording(one["confidence"]),
                )
            )
        if rows:
            blocks.append(
                Grid(
                    f"{_ROLES.get(role, role)}: {count}",
                    (
                        "No.",
                        "Identifier",
                        "People",
                        "Complaints",
                        "Calls",
                        "First",
                        "Last",
                        "Belongs here",
                    ),
                    rows,
                    (0.06, 0.31, 0.08, 0.11, 0.07, 0.11, 0.11, 0.15),
                    ids=(1,),
                    numbers=(0, 2, 3, 4),
                )
            )
    if len(facts.members) > shown:
        blocks.append(Text(f"{len(facts.members) - shown} more are in Exhibit 2."))
    return blocks


def _left_out(case: Case) -> list[Block]:
    """Counts the members that are not named, and says why."""
    count = case.facts.left_out
    if not count:
        return []
    one = "1 more identifier" if count == 1 else f"{count} more identifiers"
    return [
        Text(
            f"Left out. The cluster has {one} that this package counts and does not name: fewer "
            "than two people reported each independently, or it can be a slip of the pen of "
            "another, or no analyst has reviewed it. Nothing here rests on them, but for "
            f"{format_count(case.tied_by_left_out, 'member')} tied to the others by them alone."
        )
    ]


def _included(case: Case) -> list[Block]:
    """Lists the members that somebody answers for by name."""
    if not case.included:
        return []
    rows = [
        (
            str(case.number[one.entity_id]),
            plain(one.entity_id, 80),
            plain(one.name),
            plain(one.reason, 300),
        )
        for one in case.included
    ]
    return [
        Grid(
            "Named in spite of the rule that two people report each, and an analyst reviews it",
            ("No.", "Identifier", "Who answers for it", "Why"),
            rows,
            (0.06, 0.34, 0.2, 0.4),
            ids=(1,),
            numbers=(0,),
        )
    ]


def victims_section(case: Case) -> list[Block]:
    """Counts victims by country and losses by currency, which add up to the exhibits."""
    below, seen = case.reference.policy["suppress_below"], case.disclosed
    rows = [(one.country, str(one.victims)) for one in seen.countries]
    if seen.elsewhere:
        rows.append(("Elsewhere, or not known", str(seen.elsewhere)))
    if not rows:
        rows = [("Too few to be told by country", str(sum(case.records.victims.values())))]
    return [
        Text(
            f"{case.victims}, by each organisation's own pseudonyms. A country is told apart from "
            f"{below} victims on, and where one is not, neither is a larger one beside it, so that "
            f"none can be worked out by subtraction; of fewer than {2 * below} victims no country "
            "is told. No victim is named or numbered anywhere in this package; the organisations "
            "find them by the references of Exhibit 1. Single losses are in Exhibit 5 with their "
            "currency, since restitution needs them."
        ),
        Grid("Victims by country", ("Country", "Victims"), rows, (0.75, 0.25), numbers=(1,)),
        Grid(
            "Losses by jurisdiction and currency, as the complaints of Exhibit 5 state them",
            ("Jurisdiction", "Currency", "Amount"),
            _by_jurisdiction(case),
            (0.55, 0.15, 0.3),
            numbers=(2,),
        ),
        *_conversion(case),
        *_offered(case),
        *_shared(case),
    ]


def links_section(case: Case) -> list[Block]:
    """Draws and lists the links between the members."""
    facts = case.facts
    accepted = sorted((one for one in facts.inside if one["accepted"]), key=_heaviest)
    both = sum(1 for one in accepted if len(one["orgs"]) > 1)
    rows = [
        (
            str(case.number[one["entity_a"]]),
            str(case.number[one["entity_b"]]),
            str(one["complaints"]),
            str(one["calls"]),
            str(one["reporters"]),
            ", ".join(plain(org, 24) for org in one["orgs"][:3]),
            f"{one['first_seen']:%Y-%m-%d} to {one['last_seen']:%Y-%m-%d}",
        )
        for one in accepted[:15]
    ]
    wide = [one for one in case.bridges if len(one.side) > 1]
    loose = len(case.bridges) - len(wide)
    return [
        Text(
            f"{len(accepted)} links hold the {len(facts.members)} members together; {both} of them "
            "were seen by more than one organisation. A link is two identifiers that the same "
            "records name, both in roles that the scammer must really hold. "
            f"{_union(case)}"
            f"{loose} members hang on one link alone; {len(wide)} links hold a larger part alone."
        ),
        _link_chart(case),
        Grid(
            "The links of most evidence (numbers of Exhibit 2)",
            ("A", "B", "Complaints", "Calls", "People", "Seen by", "From and to"),
            rows,
            (0.07, 0.07, 0.12, 0.08, 0.1, 0.26, 0.3),
            numbers=(0, 1, 2, 3, 4),
        ),
    ]


def chronology_section(case: Case) -> list[Block]:
    """Counts records by month, and lists handovers."""
    months: dict[str, Counter[str]] = {}
    for one in case.records.in_order:
        months.setdefault(f"{one.observed_at:%Y-%m}", Counter())[one.key[0]] += 1
    new = Counter(f"{one['first_seen']:%Y-%m}" for one in case.facts.members)
    rows = [
        (month, str(of["complaint"]), str(of["call"]), str(new[month]))
        for month, of in sorted(months.items())
    ]
    turns = [
        (
            f"{one.first_seen:%Y-%m-%d}",
            f"{case.number[one.before]}",
            plain(one.before, 60),
            f"{case.number[one.after]}",
            plain(one.after, 60),
        )
        for one in case.handovers[:20]
    ]
    blocks: list[Block] = [
        Grid(
            "Records by month, UTC",
            ("Month", "Complaints", "Calls", "Members first seen"),
            rows,
            (0.25, 0.25, 0.25, 0.25),
            numbers=(1, 2, 3),
        )
    ]
    if turns:
        blocks.append(
            Grid(
                "Handovers: one identifier falls silent, another of its kind that is linked with "
                "it takes over" + ("" if len(turns) == len(case.handovers) else " (the first 20)"),
                ("Day", "No.", "From", "No.", "To"),
                turns,
                (0.14, 0.06, 0.37, 0.06, 0.37),
                ids=(2, 4),
                numbers=(1, 3),
            )
        )
    blocks.append(Text("Exhibit 9 has the first and last sight of every member."))
    return blocks


def elements_matrix(case: Case) -> list[Block]:
    """Lists offences that may be considered, element by element."""
    evidence = element_evidence(case)
    blocks: list[Block] = [
        Notice(
            "Draft.",
            f"{draft_notice(case.reference.recipient)} "
            "Which offence is charged is the recipient's.",
        )
    ]
    for offence in case.reference.offences:
        rows = []
        for element in offence["elements"]:
            one = evidence[element["holds"]]
            rows.append((element["text"], one.text, one.exhibits, one.missing))
        note = f" {offence['note']}" if offence["note"] else ""
        blocks.append(
            Grid(
                f"{offence['statute']}.{note} Written from {offence['source']} on "
                f"{offence['date']}.",
                ("Element", "What this package holds", "Exhibits", "What is missing"),
                rows,
                (0.22, 0.38, 0.1, 0.3),
            )
        )
    return blocks


def element_evidence(case: Case) -> Mapping[str, ElementEvidence]:
    """Returns the evidence on each of `reference.ELEMENTS`."""
    row = case.row
    brands = ", ".join(plain(one, 40) for one in row["brands"][:6]) or "no brand stated"
    phones = [one for one in case.number if one.startswith("phone:")]
    payees = [one for one in case.facts.members if one["role"] == Role.PAYEE]
    paid = sum(len(one.payments) for one in case.records.in_order)
    links = sum(1 for one in case.facts.inside if one["accepted"])
    sums = "; ".join(
        f"{currency} {format_money(amount)}" for currency, (amount, _) in case.totals.items()
    )
    return {
        "scheme": ElementEvidence(
            f"{row['complaints']} complaints tell of callers; brands that they claimed to be: "
            f"{brands}.",
            "1, 3",
            "The complaints themselves, from the organisations that hold them.",
        ),
        "wires": ElementEvidence(
            f"{row['calls']} call records and {len(phones)} phone numbers; victims in "
            f"{case.countries}.",
            "1, 2, 3",
            "Carriers' own records of the calls, and from where they were placed.",
        ),
        "loss": ElementEvidence(
            f"Stated losses: {sums or 'none'}.",
            "5",
            "Victims' statements and bank records; stated losses are not proven ones.",
        ),
        "money": ElementEvidence(
            f"{len(payees)} accounts and wallets to which victims paid or were to pay; {paid} "
            "itemized payments.",
            "2, 6",
            "Account holders, and where the money went from there.",
        ),
        "organisation": ElementEvidence(
            f"{links} links hold {row['size']} identifiers together; {len(case.handovers)} "
            "handovers from one identifier to the next.",
            "4, 9",
            "How many persons stand behind it. One person can hold many identifiers.",
        ),
        "knowledge": ElementEvidence(
            "Nothing here shows what any person knew or meant.", "none", "All."
        ),
        "identity": ElementEvidence(
            "Nothing here names a person.", "none", "Who held each identifier."
        ),
    }


def limits_section(case: Case) -> list[Block]:
    """States the limits and the confidence, in the words of the recipient's scale."""
    scale, row = case.reference.scale, case.row
    words = [(one["word"], f"{one['low']} to {one['high']} %") for one in scale["words"]]
    counts = case.manifest["counts"]["complaints"]
    alarms = [plain(one["message"], 300) for one in case.manifest["alarms"]]
    points = [
        "That the members belong to one operation is "
        f"{case.reference.likelihood_wording(row['confidence'])}. "
        "The word stands for ringtrace's score (the mean over members of how surely each is tied "
        "to the rest); it is no error rate measured on this case, and says nothing of any person.",
        "It finds what complaints and calls say. Who was not reported is not here.",
        f"The run read {counts['read']} complaints, of which {counts['duplicates']} were copies "
        f"and {counts['rejected']} could not be used.",
        "Losses are what complaints state. They are neither proven nor complete.",
        "Times are of the organisations' records: when a complaint was received, not when the "
        "scam happened.",
        *(f"The run raised an alarm: {one}" for one in alarms),
    ]
    return [
        Points(points),
        Grid(
            f"Words for likelihood: {scale['name']}, {scale['source']}, written down on "
            f"{scale['date']}",
            ("Word", "Stands for"),
            words,
            (0.5, 0.5),
        ),
    ]


def requests_section(case: Case) -> list[Block]:
    """Lists what the recipient is asked to do, and how long each provider keeps records."""
    rows = []
    for number, group in enumerate(case.groups, 1):
        end = group.next_expiry
        rows.append(
            (
                str(number),
                plain(group.provider.name, 90),
                str(len(group.members)),
                f"{end:%Y-%m-%d}" if end else "ask at once",
                group.clock["rule"],
            )
        )
    past = sum(
        1
        for group in case.groups
        for one in group.members
        if one.first_until is not None and one.first_until <= case.moment
    )
    return [
        Points(list(case.reference.recipient["asks"])),
        Notice(
            "Drafts.",
            "The folder requests/ has a draft to each provider. A private organisation cannot "
            "order preservation; the recipient's authority signs and sends.",
        ),
        Grid(
            "Providers, the most urgent first, with the day on which the first record may be gone",
            ("No.", "Provider", "Identifiers", "First gone", "Clock"),
            rows,
            (0.06, 0.36, 0.11, 0.13, 0.34),
            numbers=(0, 2),
        ),
        Text(
            f"For {past} identifiers the clock of the first record has already run out on the day "
            "of this referral. Exhibit 10 has every identifier with its days, and each clock's "
            "source with the day on which it was written down. Clocks are drafts, never advice."
        ),
    ]


def exhibits_section(case: Case, made: Sequence[Exhibit]) -> list[Block]:
    """Lists the exhibits, their input files, and how to check them."""
    rows = [
        (str(one.number), one.title, one.path.removeprefix("data/"), str(len(one.rows)), one.about)
        for one in made
    ]
    inputs = [
        (plain(one["name"], 60), one["kind"], str(one["rows"]), one["sha256"])
        for one in case.manifest["inputs"]
    ]
    return [
        Grid(
            "Exhibits; exhibits/data-dictionary.csv explains each column",
            ("No.", "Title", "File", "Rows", "What it is"),
            rows,
            (0.06, 0.18, 0.28, 0.08, 0.4),
            ids=(2,),
            numbers=(0, 3),
        ),
        Text(
            "Custody. Every row of every exhibit points to its source record: the input file, its "
            "SHA-256, and the line or row in it. The organisations keep these files unchanged. A "
            "row's own digest is not given, since a victim's number could be found out by trying "
            "all numbers against it."
        ),
        Grid(
            "Input files of the run",
            ("File", "Kind", "Rows", "SHA-256"),
            inputs,
            (0.26, 0.12, 0.08, 0.54),
            ids=(0, 3),
            numbers=(2,),
        ),
        Text(
            "Verification. The package is a BagIt bag (RFC 8493). seal.json lists every file with "
            "its SHA-256 and the digest of every 4,096 bytes of it, and the Merkle root (hashed as "
            "RFC 6962 says); seal.json.sig is an Ed25519 signature over it. "
            "`ringtrace verify DIR --key PUB` checks all of that without a network and names every "
            "file that was altered, with the bytes, or is missing or added. seal.json.tsq asks an "
            "RFC 3161 authority for a time stamp; its answer goes into seal.json.tsr. The same run "
            "and inputs give the same package, byte for byte."
        ),
    ]


def excerpts_section(case: Case) -> list[Block]:
    """Quotes narratives around a member, for --excerpts."""
    rows = [
        (
            str(case.number[one.entity_id]),
            str(case.records.by_key[one.record_kind, one.source_org, one.record_id].number),
            plain(f"{one.before or ''}{one.raw or ''}{one.after or ''}", 300),
        )
        for one in case.excerpts[:60]
    ]
    return [
        Notice(
            "Personal data.",
            "Asked for by --excerpts. Other numbers and addresses are masked, names may not be.",
        ),
        Grid(
            "Words around a member in victims' narratives",
            ("No.", "Record", "Excerpt"),
            rows,
            (0.07, 0.1, 0.83),
            numbers=(0, 1),
        ),
    ]


def changes_section(case: Case) -> list[Block]:
    """Lists the changes since the referral that this one supersedes."""
    changes = case.earlier.changes if case.earlier is not None else []
    if not changes:
        return [Text("Nothing changed but the package itself.")]
    return [
        Grid(
            "What changed; changes.csv holds all",
            ("What", "Before", "Now"),
            [tuple(plain(cell, 120) for cell in one) for one in changes[:60]],
            (0.5, 0.25, 0.25),
        )
    ]


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _by_jurisdiction(case: Case) -> list[Sequence[str]]:
    """Returns losses of the shown countries, of the others together, and in total."""
    shown = [one.country for one in case.disclosed.countries]
    rest = [of for country, of in case.records.losses.items() if country not in shown]
    rows: list[Sequence[str]] = []
    for country in shown:
        for currency, amount in sorted(case.records.losses.get(country, {}).items()):
            rows.append((country, currency, format_money(amount)))
    for currency in case.totals:
        amounts = [of[currency] for of in rest if currency in of]
        if amounts:
            rows.append(("Elsewhere, or not known", currency, format_money(exact_sum(amounts))))
    for currency, (amount, count) in case.totals.items():
        rows.append((f"Total, {format_count(count, 'complaint')}", currency, format_money(amount)))
    return rows


def _conversion(case: Case) -> list[Block]:
    if not case.rates:
        return [Text("Not converted: no rates were given.")]
    to = next(iter(case.rates.values())).to
    rows: list[Sequence[str]] = []
    sums: list[Decimal] = []
    missing = []
    for currency, (amount, _) in case.totals.items():
        if currency == to:
            sums.append(amount)
            rows.append((currency, format_money(amount), "1", format_money(amount), ""))
        elif currency in case.rates:
            rate = case.rates[currency]
            sums.append(convert(amount, rate))
            dated = f"{rate.day}, {plain(rate.source, 80)}"
            rows.append(
                (currency, format_money(amount), str(rate.rate), format_money(sums[-1]), dated)
            )
        else:
            missing.append(currency)
    rows.append(("Total", "", "", f"{to} {format_money(exact_sum(sums))}", ""))
    lacking = f" Without a rate, and not in it: {', '.join(missing)}." if missing else ""
    return [
        Grid(
            f"Converted to {to}, each currency once, to the cent, half to even",
            ("Currency", "Amount", "Rate", f"In {to}", "Day and source of the rate"),
            rows,
            (0.12, 0.2, 0.14, 0.24, 0.3),
            numbers=(1, 2, 3),
        ),
        Text(f"A conversion is for orientation; the amounts above count.{lacking}"),
    ]


def _offered(case: Case) -> list[Block]:
    """Lists victims and losses as other organisations' offers state them."""
    if not case.records.offered:
        return []
    rows = []
    for one in case.records.offered:
        countries = [f"{each['country']} {each['victims']}" for each in one["countries"] or []]
        losses = [f"{each['currency']} {each['amount']:,}" for each in one["losses"] or []]
        rows.append(
            (
                plain(one["contributor"], 40),
                str(one["members"]),
                "not told" if one["victims_known"] is None else str(one["victims_known"]),
                ", ".join(countries) or "not told",
                ", ".join(losses) or "not told",
            )
        )
    return [
        Grid(
            "What offers of other organisations say, suppressed and rounded by them; not in the "
            "tables above",
            ("Organisation", "Members", "Victims", "Of them, by country", "Losses, rounded"),
            rows,
            (0.2, 0.12, 0.14, 0.27, 0.27),
            numbers=(1, 2),
        ),
        Text(
            "The tables above are of the records of the organisation that made this package. A "
            "person who reported to both is counted by both"
            f"{', but for those below' if case.shared else ''}. What an offer counts "
            "stands in Exhibit 1 by the offer and the place in it; the organisation that sent it "
            "holds the records."
        ),
    ]


def _shared(case: Case) -> list[Block]:
    """Lists signed counts of the victims whom two organisations share."""
    if not case.shared:
        return []
    rows = [
        (plain(one.organisation, 40), one.by, one.text, one.day, one.signer) for one in case.shared
    ]
    return [
        Grid(
            "Victims on both sides, counted by private set intersection; signed letters in "
            "overlaps/",
            ("Shared with", "Compared by", "Victims", "Counted at", "Key that signed"),
            rows,
            (0.16, 0.13, 0.14, 0.2, 0.37),
            ids=(4,),
            numbers=(2,),
        ),
        Text(
            "Each side learned the count and not who they are. Whoever gave the two organisations "
            "different numbers, or none, is not found and is still counted twice: hence at most. "
            "What a side puts in cannot be seen by the other; docs/exchange.md says what must be "
            "agreed on paper."
        ),
    ]


def _union(case: Case) -> str:
    if not case.records.union_links:
        return ""
    return (
        f"{case.records.union_links} links only the union of the organisations' evidence "
        "reveals: none of them has both ends in one cluster of its own. "
    )


def _heaviest(one: dict[str, object]) -> tuple[float, str, str]:
    return -float(str(one["weight"])), str(one["entity_a"]), str(one["entity_b"])


def _link_chart(case: Case) -> Chart:
    """Draws the members and the links between them, without suppliers and rejected links."""
    facts = case.facts
    drawn = graph_figure(facts, member_positions(facts, {}))
    weakest = {tuple(sorted((b.link["entity_a"], b.link["entity_b"]))) for b in case.bridges}
    lines = []
    for one in drawn.lines:
        a, b = drawn.nodes[one.a], drawn.nodes[one.b]
        if a.supplier or b.supplier or one.style not in ("hard", "weakest"):
            continue
        alone = tuple(sorted((a.entity_id, b.entity_id))) in weakest
        lines.append((a.x, a.y, b.x, b.y, one.width, alone))
    nodes = [
        (one.x, one.y, max(one.radius, 8.5), one.kind, str(case.number[one.entity_id]), one.bridge)
        for one in drawn.nodes
        if not one.supplier
    ]
    return Chart(
        caption=(
            f"Link chart of {len(nodes)} of {len(facts.members)} members. Numbers are rows of "
            "Exhibit 2. Lines join members that the same records name, thicker with more "
            "evidence; a dashed line holds a member, or a part, alone. A ring marks a member "
            "without which the cluster falls apart. Exhibit 4 holds the same as a table."
        ),
        width=WIDTH,
        height=HEIGHT,
        lines=lines,
        nodes=nodes,
        kinds=list(dict.fromkeys(one[3] for one in nodes)),
    )
