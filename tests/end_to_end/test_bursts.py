"""Fifty pseudonyms with one text in one minute: what they add is one person's."""

from random import Random

import pyarrow.compute as pc
import pytest

from reports import tables
from schemas.tables import CLUSTERS, ENTITIES, MEMBERS
from tests.end_to_end.test_thin_joins import NOW, WORDS, assert_two, numbers, told, words
from tests.support.exchange_world import ringtrace
from tests.support.run_pipeline import (
    callbacks,
    column,
    complaint,
    execute,
    json_of,
    jsonl,
    keys_in,
    run,
    table_rows,
    write_decisions,
)
from tests.support.script_texts import SCRIPT, own

TEXT = (
    "the rival call centre took all my savings and laughed at me when I asked them to give "
    "anything back so everybody should report these numbers to the police right now please"
)


def lines(start, count):
    """Toll-free numbers, any two of which differ in several digits."""
    return [
        f"+1877{222 + 11 * (number // 10)}"
        + "".join(str((step * number + 1) % 10) for step in (1, 3, 7, 9))
        for number in range(start, start + count)
    ]


def own_words(*key):
    """Words of one person's own."""
    return " ".join(Random("-".join(map(str, key))).sample(WORDS, 14))


class Burst:
    """Fifty complaints of one minute; no other burst of the run has their numbers or words."""

    def __init__(self, index):
        self.index = index
        self.numbers = lines(3 * index, 3)
        self.draw = Random(index)
        self.text = " ".join(self.draw.sample(WORDS, 32))

    def words(self, number):
        return own_words(self.index, number)

    def rows(self, count=50, vary=None, start=0, **fields):
        """Complaints, each with what `vary` changes of it by its number."""
        return [
            complaint(
                1000 + 100 * self.index + start + number,
                **{
                    "received_at": f"2026-04-21T10:30:{number % 60:02d}Z",
                    "victim_id": f"fake-{self.index}-{number}",
                    "narrative": self.text,
                    "phone_numbers": callbacks(*self.numbers),
                    "claimed_brand": "Amazon",
                }
                | fields
                | (vary(self, number) if vary else {}),
            )
            for number in range(count)
        ]


def honest(ring=0):
    """Twelve people who tell of one ring, each on a day and in words of their own."""
    return [
        told(20 + number, numbers(ring)[number % 2 :][:3], f"v{ring}-{number}")
        | {"complaint_id": f"h{ring}-{number}", "narrative": own_words("ring", ring, number)}
        for number in range(12)
    ]


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Returns a function that runs rows, with the keys of these runs alone."""
    folder = tmp_path_factory.mktemp("bursts")

    def make(rows, name, *flags):
        path = jsonl(folder / f"{name}.jsonl", rows)
        run(folder / name, "--complaints", path, "--now", "2026-04-22T00:00:00Z", *flags)
        return folder / name

    with keys_in(folder / "home"):
        yield make


def cluster_of(run_folder, number):
    members = table_rows(run_folder, MEMBERS)
    (member,) = [row for row in members if row["entity_id"] == f"phone:{number}"]
    where = pc.field("cluster_id") == member["cluster_id"]
    (row,) = table_rows(run_folder, CLUSTERS, where)
    return row, member


ORGS = ("amazon", "microsoft")

VARIED = {
    "no narrative": lambda burst, number: {"narrative": None},
    "an empty narrative": lambda burst, number: {"narrative": " "},
    "words of their own": lambda burst, number: {"narrative": burst.words(number)},
    "texts and none": lambda burst, number: {
        "narrative": (None, "", burst.text, burst.words(number))[number % 4]
    },
    "a loss each": lambda burst, number: {
        "narrative": burst.words(number),
        "loss_amount": str(90_000 + number),
        "loss_currency": "USD",
    },
    "over half a day": lambda burst, number: {
        "narrative": None,
        "received_at": moment_of_day(burst, 12),
    },
    "over a day, with words": lambda burst, number: {
        "narrative": burst.words(number),
        "received_at": moment_of_day(burst, 24),
    },
    "two organisations": lambda burst, number: {
        "narrative": burst.words(number),
        "source_org": ORGS[number % 2],
    },
    "all of it": lambda burst, number: {
        "narrative": (None, burst.words(number))[number % 2],
        "source_org": ORGS[number // 2 % 2],
        "received_at": moment_of_day(burst, 24),
        "loss_amount": str(90_000 + number),
        "loss_currency": "USD",
    },
}
"""The complaints of a liar of each kind, by their burst and number."""


def moment_of_day(burst, hours):
    return f"2026-04-21T{burst.draw.randrange(hours):02d}:{burst.draw.randrange(60):02d}:00Z"


def call_of(row):
    return {
        "call_id": f"call-{row['complaint_id']}",
        "source_org": row["source_org"],
        "started_at": row["received_at"],
        "duration_seconds": 60,
        "direction": "outbound",
        "calling_number": "+12125550101",
        "called_number": row["phone_numbers"][0]["raw"],
        "victim_id": row["victim_id"],
        "complaint_id": row["complaint_id"],
    }


COSTS_NOTHING = {
    "one text": lambda burst, number: {},
    "few words": lambda burst, number: {"narrative": "they took my savings 4417"},
    "a loss of nothing": lambda burst, number: {"loss_amount": "0.00", "loss_currency": "USD"},
    "a date": lambda burst, number: {"occurred_at": f"2026-04-{1 + number % 20:02d}T10:00:00Z"},
    "channels": lambda burst, number: {"channel": ("web", "email")[number % 2]},
}
"""Additions of fifty to one text at no cost: each burst stays one."""


def reworded(burst, number):
    """A text with two words of thirty changed, or behind words of its own, and a number."""
    mine, draw = TEXT.split(), Random(number)
    if number % 2:
        return {"narrative": " ".join([*draw.sample(WORDS, 8), *mine])}
    for place in draw.sample(range(len(mine)), 2):
        mine[place] = draw.choice(WORDS)
    return {"narrative": " ".join([*mine, str(4000 + 17 * number)])}


def on_days(burst, number):
    return {"received_at": f"2026-04-{10 + number}T10:30:00Z"}


TWICE = {
    "texts": lambda burst: {"narrative": " ".join(reversed(burst.text.split()))},
    "days": lambda burst: {"received_at": "2026-04-10T10:30:00Z"},
    "wordless": lambda burst: {"narrative": "they lied"},
}
"""In what the second complaint of each of fifty differs from the first."""

OF_THEIR_OWN = {
    "days": {},
    "losses": {"loss_amount": "10.00", "loss_currency": "USD"},
    "wordless": {"narrative": None},
}
"""Traits that six people on a day each share beside the day."""


def stated(came):
    """Words and a date of each person's own, who came in one minute or on the days after."""
    return lambda burst, number: {
        "narrative": burst.words(number),
        "occurred_at": f"2026-04-{10 + number}T10:00:00Z",
        "received_at": f"2026-04-{11 + number if came else 21}T10:30:00Z",
    }


NAMES = [
    *((kind, calls) for kind in VARIED for calls in (False, True)),
    *COSTS_NOTHING,
    *(("twice", kind) for kind in TWICE),
    *(("own", kind) for kind in OF_THEIR_OWN),
    "few", "joint", "stated", "came", "reworded", "script", "often",
    "beside", "a text of a ring", "no text of a ring",
]  # fmt: skip

BURSTS = {name: Burst(index) for index, name in enumerate(NAMES)}

RINGS = {"beside": 1, "a text of a ring": 2, "no text of a ring": 3}
"""Honest rings with a number that a burst names together with its own numbers."""

QUOTED = 4
"""The ring of people who quote a script."""


def beside(number, burst, place):
    """The field of a burst that names a ring's number beside one of its own."""
    raws = [number, burst.numbers[place]]
    return {"phone_numbers": callbacks(*raws)}


def all_rows():
    """Every burst beside honest rings, and the calls of some."""
    rows, calls = [row for ring in range(4) for row in honest(ring)], []
    for kind, vary in VARIED.items():
        for called in (False, True):
            burst = BURSTS[kind, called]
            burst.draw.seed(burst.index)
            rows += (fifty := burst.rows(vary=vary))
            calls += map(call_of, fifty if called else ())
    for name, vary in COSTS_NOTHING.items():
        rows += BURSTS[name].rows(vary=vary)
    for kind, changes in TWICE.items():
        burst = BURSTS["twice", kind]
        rows += [*burst.rows(), *burst.rows(start=50, **changes(burst))]
    for kind, fields in OF_THEIR_OWN.items():
        rows += BURSTS["own", kind].rows(6, on_days, **fields)
    rows += BURSTS["few"].rows(4, VARIED["words of their own"])
    rows += BURSTS["joint"].rows(vary=lambda burst, number: {"source_org": ORGS[number % 2]})
    rows += BURSTS["stated"].rows(3, stated(came=False))
    rows += BURSTS["came"].rows(3, stated(came=True))
    rows += BURSTS["reworded"].rows(30, reworded)
    rows += [row for start in (0, 6) for row in BURSTS["often"].rows(6, start=start)]
    quoted = numbers(QUOTED)
    rows += [
        told(20 + n, [quoted[n % 4], quoted[(n + 1) % 4]], f"q{n}")
        | {"complaint_id": f"q{n}", "narrative": f"{own(n, 2 + n % 6)} {SCRIPT} {own(n)}"}
        for n in range(12)
    ]
    rows += BURSTS["script"].rows(6, narrative=f"{own(99)} {SCRIPT} {own(98)}")
    burst = BURSTS["beside"]
    rows += burst.rows(**beside(numbers(RINGS["beside"])[1], burst, 0))
    for name, changes in (("a text of a ring", {}), ("no text of a ring", {"narrative": None})):
        burst = BURSTS[name]
        rows += burst.rows(20, **changes)
        named = beside(numbers(RINGS[name])[0], burst, 2)
        rows += burst.rows(5, start=50, source_org="b", **named, **changes)
    return rows, calls


@pytest.fixture(scope="module")
def world(make, tmp_path_factory):
    """A run of every burst beside honest rings, and a function that runs the same otherwise."""
    rows, calls = all_rows()
    path = jsonl(tmp_path_factory.mktemp("calls") / "calls.jsonl", calls)

    def again(name, *flags, step=1):
        return make(rows[::step], name, "--calls", path, *flags)

    return again("world"), again


@pytest.fixture(scope="module")
def run_folder(world):
    return world[0]


@pytest.fixture(scope="module")
def left(run_folder, tmp_path_factory):
    """The identifiers that leave the run by value: in exports, and in exports and an offer."""
    return leaving(run_folder, tmp_path_factory.mktemp("left"))


def leaving(run_folder, folder):
    """The text of exports, and of an offer."""
    exported = ""
    for kind in ("csv", "graphml", "gexf"):
        out = folder / f"all.{kind}"
        execute("export", run_folder, "--all", "--format", kind, "--output", out)
        exported += out.read_text(encoding="utf-8-sig")
    flags = ["exchange", "offer", run_folder, "--from", "amazon", "--to", "microsoft"]
    ringtrace(*flags, "--output", folder / "offer", *NOW)
    offer = folder / "offer" / "offer.json"
    return exported, offer.read_text() if offer.exists() else ""


def numbers_in(texts, candidates):
    return {number for number in candidates if any(number in text for text in texts)}


@pytest.mark.parametrize("name", COSTS_NOTHING)
def test_what_costs_a_liar_nothing_frees_no_burst(name, run_folder, left):
    """One text; few words, a loss of nothing, a date that is only stated, several channels."""
    row, member = cluster_of(run_folder, BURSTS[name].numbers[0])
    ring, of_ring = cluster_of(run_folder, numbers(0)[1])
    assert not {"burst", "same_text"} & set(ring["flags"])
    assert row["reporters"] == 50  # the count itself stays
    assert {"burst", "same_text"} <= set(row["flags"])
    assert row["priority"] < ring["priority"] and row["confidence"] == 0.5
    assert (member["tier"], member["robustness"]) == ("verify", 1)
    assert row["confidence"] < ring["confidence"] and of_ring["tier"] == "core"
    assert not numbers_in(left, BURSTS[name].numbers)
    assert numbers_in(left[:1], numbers(0)) == numbers_in(left[1:], numbers(0)) == {*numbers(0)}


@pytest.mark.parametrize(("kind", "calls"), [(kind, calls) for kind in VARIED for calls in (0, 1)])
def test_fifty_of_a_day_neither_rank_first_nor_leave_whatever_they_say(
    kind, calls, run_folder, left
):
    burst = BURSTS[kind, bool(calls)]
    row, _ = cluster_of(run_folder, burst.numbers[0])
    ring, of_ring = cluster_of(run_folder, numbers(0)[1])
    assert "burst" in row["flags"] and "burst" not in ring["flags"] and row["reporters"] == 50
    assert (row["calls"] == 50) == bool(calls)
    assert row["priority"] < ring["priority"]
    parts = {each["part"]: each["value"] for each in row["priority_parts"]}
    assert parts["companies"] == parts["losses"] == 0
    assert row["confidence"] <= 0.5 < ring["confidence"] and of_ring["tier"] == "core"
    assert not numbers_in(left, burst.numbers)


def test_a_burst_beside_a_ring_adds_no_core_member_and_takes_none_away(run_folder):
    """The ring has the same members as a ring without a burst."""
    _, member = cluster_of(run_folder, BURSTS["beside"].numbers[0])
    assert member["tier"] == "verify"
    core = pc.field("tier") == "core"
    rows = table_rows(run_folder, MEMBERS, core)
    for ring in (0, RINGS["beside"]):
        cluster, _ = cluster_of(run_folder, numbers(ring)[1])
        names = {row["entity_id"] for row in rows if row["cluster_id"] == cluster["cluster_id"]}
        assert names == {f"phone:{number}" for number in numbers(ring)}


@pytest.mark.parametrize("kind", OF_THEIR_OWN)
def test_people_with_days_of_their_own_all_count(kind, run_folder):
    row, member = cluster_of(run_folder, BURSTS["own", kind].numbers[0])
    assert not {"burst", "same_text"} & set(row["flags"])
    assert (member["tier"], member["robustness"]) == ("core", 6)


def test_few_people_with_words_of_their_own_all_count(run_folder):
    row, member = cluster_of(run_folder, BURSTS["few"].numbers[0])
    assert "burst" not in row["flags"] and member["robustness"] == 4


@pytest.mark.parametrize("kind", TWICE)
def test_copies_of_two_texts_or_days_count_as_many_as_these(kind, run_folder):
    """Senders of a copy of two texts each, or one on two days each, are no more than two people."""
    row, _ = cluster_of(run_folder, BURSTS["twice", kind].numbers[0])
    assert row["confidence"] <= 0.75 and (row["reporters"], row["complaints"]) == (50, 100)


def test_a_burst_through_two_organisations_is_no_joint_case(run_folder):
    row, _ = cluster_of(run_folder, BURSTS["joint"].numbers[0])
    parts = {each["part"]: each["value"] for each in row["priority_parts"]}
    assert row["orgs"] == ["amazon", "microsoft"] and parts["companies"] == 0
    assert row["confidence"] <= 0.75


def test_stated_dates_are_no_days_on_which_three_reported(run_folder, left):
    """Three in one minute, each with words and a date of their own, reach no offer."""
    for name in ("stated", "came"):
        number = BURSTS[name].numbers[0]
        assert cluster_of(run_folder, number)[1]["tier"] == "core"
        assert (number in left[1]) == (name == "came")


def test_nearly_equal_texts_count_as_one(run_folder):
    row, member = cluster_of(run_folder, BURSTS["reworded"].numbers[0])
    assert {"burst", "same_text"} <= set(row["flags"])
    assert (member["tier"], member["robustness"]) == ("verify", 1)


def test_copies_of_an_honest_text_that_quotes_a_script_count_as_one(run_folder):
    row, member = cluster_of(run_folder, BURSTS["script"].numbers[0])
    assert "same_text" in row["flags"] and member["robustness"] == 1
    ring, member = cluster_of(run_folder, numbers(QUOTED)[0])
    assert "same_text" not in ring["flags"] and member["robustness"] > 2


def test_pseudonyms_who_send_one_text_often_are_one_too(run_folder):
    row, member = cluster_of(run_folder, BURSTS["often"].numbers[0])
    assert "same_text" in row["flags"]
    assert (row["confidence"], member["robustness"]) == (0.5, 1)


def test_a_burst_is_the_same_in_any_order(run_folder, world):
    backwards = world[1]("reversed", "--partitions", "3", step=-1)
    for table in (CLUSTERS, MEMBERS):
        assert tables.read_table(run_folder, table).equals(tables.read_table(backwards, table))


def decided(path, *rows):
    """A file of decisions, each as its kind and its entities."""
    lines = [f"D-{n},{row},Ada,looked at,{NOW[1]}," for n, row in enumerate(rows)]
    return "--decisions", write_decisions(path, *lines)


def assert_first_alone_leaves(run_folder, burst, texts):
    """Asserts that of a burst the number that an analyst named counts in full, and leaves."""
    expected = [("core", 50), ("verify", 1), ("verify", 1)]
    for number, standing in zip(burst.numbers, expected, strict=True):
        _, member = cluster_of(run_folder, number)
        assert (member["tier"], member["robustness"]) == standing
    assert numbers_in(texts, burst.numbers) == {burst.numbers[0]}


def test_what_an_analyst_reviewed_of_a_days_burst_leaves_and_the_rest_does_not(world, tmp_path):
    run_folder, again = world
    pair = [BURSTS["words of their own", calls] for calls in (False, True)]
    rows = [f"{kind},phone:{burst.numbers[0]}," for kind, burst in
            zip(("review", "confirm"), pair, strict=True)]  # fmt: skip
    after = again("after", "--previous", run_folder, *decided(tmp_path / "decisions.csv", *rows))
    texts = leaving(after, tmp_path)
    for burst in pair:
        assert_first_alone_leaves(after, burst, texts)


def test_a_confirm_of_which_nobody_saw_the_run_frees_no_burst_but_what_it_names(make, tmp_path):
    """Without --previous a typed row is bound to the run at hand, and so it is in later ones."""
    burst = BURSTS["words of their own", False]
    rows = [*honest(), *burst.rows(vary=VARIED["words of their own"])]
    flags = decided(tmp_path / "decisions.csv", f"confirm,phone:{burst.numbers[0]},")
    bound = make(rows, "bound", *flags)
    later = make(rows, "later", *flags, "--previous", bound)
    for run_folder in (bound, later):
        folder = tmp_path / run_folder.name
        folder.mkdir()
        assert_first_alone_leaves(run_folder, burst, leaving(run_folder, folder))


def test_a_days_burst_welds_no_rings_beside_which_it_names_them(make, tmp_path):
    """Twelve honest people a ring, and thirty of one day who name both."""
    rows = [
        told(n, numbers(ring)[n % 2 :][:3], f"r{ring}-{n}") | {"complaint_id": f"r{ring}-{n}"}
        for ring in (0, 1)
        for n in range(12)
    ]
    burst = Burst(0)
    burst.numbers = [*numbers(0)[:2], *numbers(1)[:2]]
    rows += burst.rows(30, lambda burst, number: {"narrative": words(7 * number)})
    run_folder = make(rows, "welded")
    ring, member = cluster_of(run_folder, numbers(0)[0])
    assert {"burst", "thin"} <= set(ring["flags"]) and ring["weakest_cut"] < 8
    assert member["tier"] == "core"
    out = tmp_path / "offer"
    flags = [
        "exchange",
        "offer",
        run_folder,
        "--from",
        "amazon",
        "--to",
        "microsoft",
        "--output",
        out,
    ]
    execute(*flags, *NOW)
    offered = json_of(out / "offer.json")["entities"]
    assert_two({row["entity_id"]: row["cluster"] for row in offered})


LIES = {
    "minute": {"received_at": "2026-04-21T10:30:00Z", "narrative": TEXT},
    "person": {"victim_id": "liar-0"},
    "twelve": {},
    "must_link": {},
    "legitimate": {},
}
"""Traits shared by twelve who name a ring's account beside numbers of others."""


class Account:
    """An account that six people name beside numbers of its ring, and liars beside others'."""

    def __init__(self, index, lie):
        self.lie = lie
        self.rings = [lines(16 * index + 4 * ring, 4) for ring in range(4)]
        bank = f"BUKB2020155555555{index}"
        digits = "".join(str(int(letter, 36)) for letter in f"{bank}GB00")
        self.payee = f"GB{98 - int(digits) % 97:02d}{bank}"
        self.entity = f"account:iban:{self.payee}"

    def rows(self):
        who = self.lie
        rows = [
            told(10 * ring + n, self.rings[ring][n % 2 :][:3], f"{who}-{ring}-{n}")
            for ring in range(4)
            for n in range(8)
        ]
        paid = {"payments": [{"method": "bank", "payee": self.payee}]}
        rows = [row | {"narrative": own_words(who, n)} for n, row in enumerate(rows)]
        rows[:6] = [row | paid for row in rows[:6]]
        numbers_beside = [self.rings[ring][n] for n in range(4) for ring in (1, 2, 3)]
        rows += [
            told(40 + n, [number], f"{who}-liar-{n}")
            | paid
            | {"narrative": own_words(who, "liar", n)}
            | LIES[self.lie]
            for n, number in enumerate(numbers_beside)
        ]
        return [row | {"complaint_id": f"{who}-{n}"} for n, row in enumerate(rows)]


ACCOUNTS = {lie: Account(index, lie) for index, lie in enumerate(LIES)}


@pytest.fixture(scope="module")
def hubs(make, tmp_path_factory):
    """A run of accounts, about two of which an analyst decided."""
    flags = decided(
        tmp_path_factory.mktemp("hubs") / "decisions.csv",
        f"must_link,{ACCOUNTS['must_link'].entity},phone:{ACCOUNTS['must_link'].rings[0][1]}",
        f"legitimate,{ACCOUNTS['legitimate'].entity},",
    )
    return make([row for account in ACCOUNTS.values() for row in account.rows()], "hubs", *flags)


def account_of(run_folder, lie):
    where = pc.field("entity_id") == ACCOUNTS[lie].entity
    (row,) = table_rows(run_folder, ENTITIES, where)
    return row["status"], row["reason"]


def test_one_text_in_one_minute_makes_no_hub_and_others_are_counted(hubs):
    assert account_of(hubs, "minute")[0] == account_of(hubs, "person")[0] == "infrastructure"
    assert account_of(hubs, "twelve") == (
        "suppressed",
        "hub: 67% of its links go outside its main cluster; linked by 18 reporters, seen in 18 "
        "complaints",
    )


def test_an_analyst_outweighs_what_makes_a_hub(hubs):
    for kind, status in (("must_link", "infrastructure"), ("legitimate", "suppressed")):
        assert account_of(hubs, kind)[0] == status
        assert "hub" not in account_of(hubs, kind)[1]
    linked = ACCOUNTS["must_link"].entity
    assert linked in column(hubs, MEMBERS, "entity_id")
