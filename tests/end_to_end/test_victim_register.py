"""The victim register: one's own victims are refused by runs that never saw them as victims."""

import json
import os
import shutil
import stat

import apache_beam as beam
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from pipelines import key_store
from pipelines.batch import options
from pipelines.batch.pipeline import build
from pipelines.batch.plan import make_plan, with_register
from reports import signing
from schemas.entity import VICTIM_ENTRY
from schemas.enums import Status
from schemas.offer import Offer, OfferedCluster, OfferedEntity, OfferedEvidence, Terms
from schemas.tables import CONTESTED, ENTITIES, VICTIMS
from tests.support.examples import some
from tests.support.run_pipeline import (
    callbacks,
    complaint,
    execute,
    json_of,
    jsonl,
    keys_in,
    manifest_of,
    refusal_naming,
    ringtrace,
    run,
    table_rows,
    use_keys,
    watch_once,
    write_decisions,
)
from transforms.custody import RegisterKey
from transforms.victims import RegisterSource, read_lookup

VICTIM, SUSPECT, OTHER = "+12024561411", "+18882223344", "+18773334455"

PLAIN = VICTIM[2:]
"""The victim's number as it is dialed at home, and written in an address."""

DAY_1 = [
    complaint(1, victim_id="v1", phone_numbers=[
        {"raw": VICTIM, "role": "victim"}, {"raw": SUSPECT, "role": "callback"}
    ]),
    complaint(2, victim_id="v2", phone_numbers=callbacks(SUSPECT)),
]  # fmt: skip

DAY_2 = [
    complaint(
        number,
        victim_id=f"w{number}",
        received_at=f"2024-03-0{2 + number % 5}T09:30:00Z",
        narrative=words,
        phone_numbers=callbacks(VICTIM, SUSPECT, OTHER),
        emails=[{"address": f"jo.{PLAIN}@evil.support", "role": "reply_to"}],
    )
    for number, words in enumerate(
        (
            "A man with a heavy accent wanted gift cards from the pharmacy on my street corner",
            "They froze the screen of my laptop and a siren played until I rang the line shown",
            "My refund was too large they claimed and I must wire the difference before noon",
            "An invoice for antivirus software came by post although I own no computer at all",
            "The bank's fraud team supposedly needed every code that arrived on my telephone",
        ),
        11,
    )
]
"""Records of liars, or of victims whose numbers were spoofed: none says whose number it is."""


LATER = [
    complaint(number, victim_id=person, phone_numbers=[{"raw": OTHER, "role": "victim"}])
    for number, person in enumerate(("v1", "v1", "v7", "v8"), 20)
]
"""Three victims who call one more number their own."""


def second(days, name, *flags):
    """A run of the second day's records alone."""
    run(days / name, "--complaints", days / "2.jsonl", *flags)
    return days / name


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Files of each day, the runs of them that several tests read, and the key of these runs."""
    folder = tmp_path_factory.mktemp("office")
    for name, records in (("1", DAY_1), ("2", DAY_2), ("later", LATER)):
        jsonl(folder / f"{name}.jsonl", records)
    with keys_in(folder / "home"):
        run(folder / "one", "--complaints", folder / "1.jsonl")
        second(folder, "two", "--previous", folder / "one")
        # Without the register the victim's number is a suspect's.
        second(folder, "without", "--previous", folder / "one", "--no-register")
        run(folder / "later", "--complaints", folder / "later.jsonl")
    return folder


@pytest.fixture
def days(office, tmp_path, monkeypatch):
    """A copy of the office, so that a test may change its runs and its keys."""
    shutil.copytree(office, tmp_path, dirs_exist_ok=True)
    use_keys(monkeypatch, tmp_path / "home")
    return tmp_path


@pytest.fixture
def home(days):
    return days / "home"


def entries(folder):
    return ds.dataset(folder / VICTIMS.name, schema=VICTIM_ENTRY).to_table().to_pylist()


def status(folder):
    return {entity["entity_id"]: entity["status"] for entity in table_rows(folder, ENTITIES)}


def content(folder):
    """The text of all files of a folder, Parquet decoded, and their bytes.

    Of private/contested alone it is the purpose to have values.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [path for path in files if CONTESTED.name not in path.as_posix()]
    rows = [
        repr(ds.dataset(path).to_table().to_pylist()) for path in files if ".parquet" in path.name
    ]
    return "\n".join(rows).encode() + b"\n".join(path.read_bytes() for path in files)


def shapes(secret):
    """The secret as it could stand in a text."""
    return secret, secret.hex().encode(), repr(secret).encode()


# -- later runs ----------------------------------------------------------------------------------


def test_a_number_stays_withheld_on_a_day_that_does_not_say_whose_it_is(days, home, capfd):
    two = days / "two"
    statuses = status(two)
    assert statuses[f"phone:{SUSPECT}"] == Status.INFRASTRUCTURE
    withheld = sorted(
        entity_id.partition(":")[0] for entity_id, state in statuses.items() if state == "contested"
    )
    assert withheld == ["email", "phone"]
    assert PLAIN.encode() not in content(two).replace(b"-", b"").replace(b" ", b"")
    assert ringtrace("health", two) == 1
    assert entries(two) == entries(days / "one"), "nobody in these records says so: it stays"
    # And on the day after, when the run before knows it from the register alone.
    capfd.readouterr()
    three = second(days, "three", "--previous", two)
    said = "".join(capfd.readouterr()).encode()
    assert not any(shape in said for shape in shapes((home / "register.key").read_bytes()))
    assert f"phone:{VICTIM}" not in status(three)
    without = days / "without"
    assert status(without)[f"phone:{VICTIM}"] == Status.INFRASTRUCTURE
    assert not (without / VICTIMS.name).exists()


def test_an_entry_counts_reporters_and_keeps_the_count_of_an_earlier_run(days):
    (entry,) = entries(days / "later")
    assert (entry["reporters"], entry["kind"]) == (3, "phone")
    jsonl(days / "less.jsonl", LATER[:1])
    for previous, records in some([("later", "less.jsonl"), ("less", "later.jsonl")]):
        if previous == "less":
            run(days / "less", "--complaints", days / "less.jsonl")
        output = days / f"after-{previous}"
        run(output, "--complaints", days / records, "--previous", days / previous)
        (merged,) = entries(output)
        assert merged["reporters"] == 3
        assert merged["mac"] == entry["mac"]


def test_a_decision_that_it_is_a_suspects_takes_its_entry_out(days):
    decisions = write_decisions(
        days / "decisions.csv",
        f"D-1,suspect_held,{VICTIM},,Ada Cole,the subscriber denies it,2024-03-20T00:00:00Z,",
    )
    decided = second(days, "decided", "--previous", days / "one", "--decisions", decisions)
    assert status(decided)[f"phone:{VICTIM}"] == Status.INFRASTRUCTURE
    assert f"email:jo.{PLAIN}@evil.support" in status(decided)
    assert entries(decided) == []


# -- streams -------------------------------------------------------------------------------------


def test_a_stream_raises_no_alert_about_it(days):
    (days / "in" / "complaints").mkdir(parents=True)
    shutil.copy(days / "2.jsonl", days / "in" / "complaints" / "2.jsonl")
    named = {}
    # An alert of the other number, which each of the same records names, shows what is prevented.
    for name, flags in some([("out", []), ("without", ["--no-register"])]):
        words = ["--alert-records", 3, "--alert-hours", 168, "--previous", days / "one", *flags]
        watch_once(days / "in", days / name, *words)
        alerts = [json_of(path) for path in (days / name / "alerts").glob("*.jsonl")]
        named[name] = json.dumps(alerts)
    assert VICTIM in named.get("without", VICTIM), "an alert that the register prevents"
    assert OTHER in named["out"]
    assert PLAIN not in named["out"]
    assert "withheld" not in named["out"]
    (snapshot,) = (days / "out" / "snapshots").iterdir()
    assert f"phone:{VICTIM}" not in status(snapshot)
    assert entries(snapshot) == entries(days / "one")


# -- partners ------------------------------------------------------------------------------------


def offer_of(*entity_ids):
    ids = sorted(entity_ids)
    return Offer(
        sender="microsoft",
        recipient="amazon",
        issued_at="2024-04-01T00:00:00Z",
        expires_at="2024-06-01T00:00:00Z",
        tlp="TLP:AMBER",
        terms=Terms(confidence_floor=50, k=5, least_reports=2, loss_unit=1000),
        entities=tuple(OfferedEntity(entity_id, "callback", 99, 1) for entity_id in ids),
        evidence=(OfferedEvidence(tuple(range(len(ids))), "complaint", 9, "2024-W09"),),
        clusters=(OfferedCluster((), None, (), 1),),
    )


@pytest.fixture
def offered(days, monkeypatch):
    """A partner's signed offer that names one's victim, also inside an address."""
    use_keys(monkeypatch, days / "partner")
    key, folder = key_store.own_key(), days / "offer"
    named = (f"phone:{VICTIM}", f"phone:{SUSPECT}", f"phone:{OTHER}")
    offer = offer_of(*named, f"email:jo.1-{PLAIN}@evil.support", f"url:t.example/00{VICTIM[1:]}")
    folder.mkdir()
    (folder / "offer.json").write_bytes(signing.canonical_json(offer))
    sealed = signing.sign_detached(signing.canonical_json(offer), key)
    (folder / "offer.json.sig").write_bytes(sealed)
    use_keys(monkeypatch, days / "home")
    key_store.trust("microsoft", key.public_key())
    return folder


JOIN_AT = ["--now", "2024-04-02T00:00:00Z"]


def test_a_join_refuses_ones_own_victims_and_counts_them(days, offered):
    words = ["exchange", "join", days / "one", offered, "--output", days / "joint", *JOIN_AT]
    assert "microsoft names 3 identifiers of your own victims: left out" in execute(*words).out
    (alarm,) = manifest_of(days / "joint")["alarms"]
    assert alarm["code"] == "offered_victims"
    assert alarm["message"].startswith("3 identifiers that offers name are your own victims'")
    assert ringtrace("health", days / "joint") == 1
    statuses = status(days / "joint")
    assert statuses[f"phone:{OTHER}"] == Status.INFRASTRUCTURE
    assert PLAIN not in "".join(statuses)
    assert PLAIN.encode() not in content(days / "joint")
    assert entries(days / "joint") == entries(days / "one")


def test_a_join_refuses_by_the_register_of_previous_and_by_others(days, offered):
    register = days / "later" / VICTIMS.name
    for n, flags in enumerate((["--previous", days / "later"], ["--register", register])):
        joint = days / f"joint-{n}"
        words = ["exchange", "join", days / "one", offered, "--output", joint, *JOIN_AT, *flags]
        assert "4 identifiers of your own victims" in execute(*words).out
        assert f"phone:{OTHER}" not in status(joint)
        assert len(entries(joint)) == 2


def test_a_join_takes_nothing_by_value_that_is_contested_in_ones_own_run(days, offered):
    both = jsonl(days / "both.jsonl", [*DAY_1, *DAY_2])
    run(days / "contested", "--complaints", both)
    assert entries(days / "contested") == []
    words = ["exchange", "join", days / "contested", offered, "--output", days / "joint", *JOIN_AT]
    assert "contested in your run: left out" in execute(*words).out
    statuses = status(days / "joint")
    assert f"phone:{VICTIM}" not in statuses
    assert Status.CONTESTED in statuses.values()
    alarms = [manifest_of(days / name)["alarms"]
              for name in ("contested", "joint")]  # fmt: skip
    assert alarms[0] == alarms[1] != []


def test_an_offer_names_none_that_a_later_run_knows_as_a_victims(days):
    words = ["exchange", "offer", days / "without", "--to", "microsoft"]
    known = ["--register", days / "one" / VICTIMS.name]
    named = {}
    for name, flags in (("before", []), ("after", known)):
        execute(*words, "--output", days / name, *flags)
        named[name] = (days / name / "offer.json").read_text()
    assert VICTIM in named["before"]
    assert PLAIN not in named["after"]
    assert OTHER in named["after"]


NAMED = [
    f"phone:{VICTIM}",
    f"email:jo.{PLAIN}@evil.support",
    f"email:jo{VICTIM[1:]}x@evil.support",
    f"domain:00{VICTIM[1:]}.example",
    "handle:telegram:jo_202_456_1411",
    f"account:upi:{PLAIN}@ybl",
    f"url:t.example/011{VICTIM[1:]}",
]

OTHERS = [
    f"phone:+44{PLAIN}",
    f"phone:{SUSPECT}",
    "email:jo.2024561412@evil.support",
    "email:jo@evil.support",
    f"remote:anydesk:{PLAIN}",
    f"account:bank:{PLAIN}",
]


def test_a_number_is_found_in_any_form_and_inside_what_people_choose(days, home):
    key = RegisterKey((home / "register.key").read_bytes())
    source = RegisterSource(key, tuple(map(str, (days / "one" / VICTIMS.name).iterdir())))
    hits = read_lookup(source).find(pa.array(NAMED + OTHERS), key)
    assert hits["entity_id"].to_pylist() == NAMED
    assert read_lookup(source).without([f"phone:{VICTIM}"], key).find(pa.array(NAMED), key) == (
        hits.slice(0, 0)
    )


# -- the secret ----------------------------------------------------------------------------------


def test_the_secret_and_the_values_stand_nowhere_in_a_runs_folder(days, home):
    secret = (home / "register.key").read_bytes()
    assert len(secret) == 32
    everything = content(days / "two") + content(days / "one")
    assert not any(shape in everything for shape in shapes(secret))
    kept = content(days / "one" / "private")
    for digits in (VICTIM[1:], PLAIN):
        assert digits.encode() not in kept
    assert secret.hex() not in repr(RegisterKey(secret))


def test_a_pipeline_shows_the_secret_in_no_option_or_label(days, home):
    """The options of a job and its steps' display data, which an engine's pages and logs show."""
    words = ["--complaints", days / "2.jsonl", "--output", days / "x", "--previous", days / "one"]
    asked = options.parse([*map(str, words)])
    plan = with_register(make_plan(asked, "token"), asked)
    assert plan.register is not None
    pipeline = beam.Pipeline()
    build(pipeline, plan)
    proto = pipeline.to_runner_api()
    shown = repr(pipeline.options.get_all_options()) + repr(plan)
    for step in proto.components.transforms.values():
        shown += step.unique_name + "".join(map(repr, step.display_data))
    secret = (home / "register.key").read_bytes()
    for form in (secret.hex(), repr(secret), repr(secret)[2:-1]):
        assert form not in shown


def test_only_its_owner_can_read_the_key_and_the_register(days, home):
    os.umask(before := os.umask(0))
    assert before != 0o077, "a umask that hides everything would show nothing"
    assert stat.S_IMODE((home / "register.key").stat().st_mode) == 0o600
    for path in (days / "one" / "private", *(days / "one" / "private").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_health_tells_of_a_register_that_others_can_read_and_of_one_that_is_gone(days):
    execute("health", days / "one")
    (file,) = (days / "one" / VICTIMS.name).iterdir()
    file.chmod(0o644)
    assert "others can read private/victims/" in execute("health", days / "one", status=1).out
    file.unlink()
    assert "is gone" in execute("health", days / "one", status=1).out
    assert (
        "keeps none"
        in execute("health", days / "without", "--previous", days / "one", status=1).out
    )


def test_another_key_is_one_line(days, home, offered):
    (home / "register.key").rename(days / "old.key")
    (home / "register.key").write_bytes(bytes(range(32)))
    (home / "register.key").chmod(0o600)
    joined = ["exchange", "join", days / "one", offered, "--output", days / "x", *JOIN_AT]
    batch = ["batch", "--complaints", days / "2.jsonl", "--output", days / "x"]
    (days / "in" / "calls").mkdir(parents=True)
    stream = ["stream", "--watch", days / "in", "--output", days / "x", "--stop-after-idle", 1]
    for words in (
        joined,
        ["exchange", "offer", days / "one", "--to", "microsoft", "--output", days / "x"],
        [*batch, "--previous", days / "one"],
        [*stream, "--previous", days / "one"],
    ):
        error = refusal_naming(words, "--register-key FILE", "--no-register")
        assert bytes(range(32)).hex() not in error
        assert not (days / "x").exists()
    (home / "register.key").unlink()
    refusal_naming(joined, "none is here")
    execute(*joined, "--register-key", days / "old.key")
    words = [*batch[:-1], days / "y", "--previous", days / "one"]
    execute(*words, "--register-key", days / "old.key")
    assert status(days / "y")[f"phone:{SUSPECT}"] == Status.INFRASTRUCTURE
    assert f"phone:{VICTIM}" not in status(days / "y")


def test_a_run_without_a_key_store_works_and_keeps_none(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    use_keys(monkeypatch, tmp_path / "file" / "home")
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "1.jsonl", DAY_1))
    assert "no victim register" in capsys.readouterr().err
    assert not (tmp_path / "run" / VICTIMS.name).exists()
    assert PLAIN.encode() not in content(tmp_path / "run")


# -- what an entry comes to ----------------------------------------------------------------------
