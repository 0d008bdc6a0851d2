"""One liar, many complaints, every way out: no stranger's identifier leaves, the ring's do."""

import csv
import json
import threading
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.compute as pc
import pytest

from pipelines.user_files import lone_mailboxes
from reports.run import Run
from schemas.tables import CLUSTERS, MEMBERS
from tests.support.exchange_world import Company, ringtrace, trust_key
from tests.support.leaks import decoded_layers, layers_below, number_forms
from tests.support.run_pipeline import (
    by_key,
    call,
    callbacks,
    complaint,
    confirm_all,
    execute,
    inbox,
    json_of,
    jsonl,
    run,
    table_rows,
    use_keys,
    watch_once,
    write_decisions,
)

RING, SECOND, PAYEE = "(888) 555-0123", "(877) 555-0188", "refund.desk@okbank"

MAIL, MOBILE, SLIP = "jane.roe.1961@gmail.com", "(212) 555-0147", "(888) 555-0132"

STRANGERS = {MAIL, *number_forms(MOBILE, "US"), *number_forms(SLIP, "US")}

RINGS = {*number_forms(RING, "US")}


AS_OF = ["--as-of", "2026-04-20T00:00:00Z"]

NOW = ["--now", "2026-04-21T00:00:00Z"]

TOLD = [
    "A man with a foreign accent kept me talking for hours about my own laptop.",
    "My mother was told that somebody had bought a telephone in her name yesterday.",
    "They wanted gift cards, I drove to the shop and read the codes out to them.",
    "After the window popped up I could not close it, so I rang them in panic.",
    "He said our bank account was under investigation and we must keep it secret.",
    "The woman was friendly, then shouted when I refused to install her program.",
]


def day(number):
    return f"{date(2026, 3, 1) + timedelta(days=number)}T09:30:00Z"


def honest(org):
    """Six people who each met the ring, on a day of their own and in words of their own."""
    return [
        complaint(
            number,
            source_org=org,
            received_at=day(2 * number),
            victim_id=f"v{number}",
            narrative=TOLD[number],
            phone_numbers=callbacks(RING, SECOND),
            payments=[{"method": "upi", "payee": PAYEE, "amount": "90.00", "currency": "USD"}],
            loss_amount="90.00",
            loss_currency="USD",
            claimed_brand="Amazon",
        )
        for number in range(6)
    ]


def lies(org):
    """One reporter who names strangers beside the ring's numbers, often, after the confirmation."""
    return [
        complaint(
            100 + number,
            source_org=org,
            received_at=day(30 + number % 9),
            victim_id="liar",
            narrative=f"They said to write to {MAIL} or call {MOBILE}. {TOLD[number % 6]} {number}",
            phone_numbers=callbacks(RING, SECOND, MOBILE, *([SLIP] if number % 2 else [])),
            emails=[MAIL],
            payments=[{"method": f"to {MAIL}", "payee": PAYEE, "amount": "1", "currency": "USD"}],
            claimed_brand=f"Jane of {MAIL}",
        )
        for number in range(40)
    ]


def calls(org):
    return [
        call(
            number,
            source_org=org,
            started_at=day(2 * number),
            direction="outbound",
            called_number=RING,
            victim_id=f"v{number}",
        )
        for number in range(3)
    ]


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Two companies that the liar lies to, the runs of both, and a confirmation of before."""
    folder = tmp_path_factory.mktemp("office")
    decisions = confirm_all(folder / "decisions.csv", ["+18885550123"], "2026-03-20T00:00:00Z")
    companies = {}
    for org in ("amazon", "microsoft"):
        made = folder / org
        made.mkdir()
        complaints = jsonl(made / "complaints.jsonl", [*honest(org), *lies(org)])
        records = jsonl(made / "calls.jsonl", calls(org))
        company = companies[org] = Company(org, made / "home", complaints, records, made / "run")
        files = ["--complaints", complaints, "--calls", records]
        run(company.run, *files, "--decisions", decisions, *AS_OF)
    trust_key(companies["amazon"], companies["microsoft"])
    trust_key(companies["microsoft"], companies["amazon"])
    return companies, decisions


def act_as(monkeypatch, company):
    use_keys(monkeypatch, company.home)


def files_naming(folder, values):
    """The files below a folder that contain one of the values, in any layer."""
    wanted = [value.encode() for value in values if len(value) > 6]
    layers = layers_below(folder)
    naming = {path for path, layer in layers if any(value in layer for value in wanted)}
    return sorted(str(path.relative_to(folder)) for path in naming)


def member_rows(company):
    return by_key(company.run, MEMBERS)


def test_the_liar_is_in_the_cluster_and_in_the_runs_own_pages(office):
    """So that what follows cannot pass because nobody lied."""
    companies, _ = office
    members = member_rows(companies["amazon"])
    ring = members["phone:+18885550123"]
    assert (ring["tier"], ring["review"]) == ("core", "reviewed")
    mailbox, *more = lone_mailboxes(Run.open(companies["amazon"].run))  # under a withheld id
    assert not more
    strangers = {mailbox, "phone:+12125550147", "phone:+18885550132"}
    assert strangers <= members.keys()
    assert {members[entity_id]["tier"] for entity_id in strangers} == {"verify"}
    assert any(members[entity_id]["cluster_id"] == ring["cluster_id"] for entity_id in strangers)
    assert files_naming(companies["amazon"].run / "report", STRANGERS)


@pytest.mark.parametrize("form", ["graphml", "gexf", "csv", "stix", "misp"])
@pytest.mark.parametrize("scope", ["one", "all"])
def test_an_export(office, tmp_path, form, scope):
    run_folder = office[0]["amazon"].run
    ring = member_rows(office[0]["amazon"])["phone:+18885550123"]["cluster_id"]
    which = ["--all"] if scope == "all" else ["--cluster", ring]
    words = ["export", run_folder, *which, "--format", form, "--output", tmp_path / "out"]
    execute(*words)
    assert files_naming(tmp_path, STRANGERS) == []
    assert files_naming(tmp_path, RINGS) == ["out"]


def test_ones_own_export_names_all_and_marks_them(office, tmp_path):
    company = office[0]["amazon"]
    flags = ["--all", "--format", "csv", "--output", tmp_path / "own.csv", "--include-verify"]
    execute("export", company.run, *flags)
    rows = list(csv.DictReader((tmp_path / "own.csv").open(encoding="utf-8-sig")))
    assert {row["entity_id"]: row["tier"] for row in rows} == {
        name: member["tier"] for name, member in member_rows(company).items()
    }


def test_the_redacted_report(office, tmp_path):
    company = office[0]["amazon"]
    execute("report", company.run, "--redact", "--output", tmp_path / "out")
    assert files_naming(tmp_path / "out", STRANGERS) == []
    assert "report/data/part-0.js" in files_naming(tmp_path / "out", RINGS)


def offer(office, monkeypatch, folder, sender="microsoft", to="amazon", *flags):
    act_as(monkeypatch, office[0][sender])
    words = ["exchange", "offer", office[0][sender].run, "--to", to, "--output", folder]
    return ringtrace(*words, *NOW, *flags)


def test_an_offer_and_what_is_joined_of_it(office, monkeypatch, tmp_path):
    companies, decisions = office
    told = execute(offer, office, monkeypatch, tmp_path / "offer").out
    assert "to be verified before use" in told and "nothing leaves" in told
    assert files_naming(tmp_path / "offer", STRANGERS) == []
    assert files_naming(tmp_path / "offer", RINGS) == ["offer.json"]
    # A run of one's own without lies: what is in the joint run came with the offer.
    clean = tmp_path / "clean"
    run(clean, "--complaints", jsonl(tmp_path / "c.jsonl", honest("amazon")), *AS_OF)
    act_as(monkeypatch, companies["amazon"])
    flags = ["--output", tmp_path / "joint", "--decisions", decisions, *NOW]
    execute("exchange", "join", clean, tmp_path / "offer", *flags)
    assert files_naming(tmp_path / "joint", STRANGERS) == []
    joined = by_key(tmp_path / "joint", MEMBERS)
    assert joined["phone:+18885550123"]["tier"] == "core"
    assert joined["phone:+18885550123"]["reporters"] > 6


def test_an_offer_without_any_review_stands_on_three_accounts(office, monkeypatch, tmp_path):
    companies, _ = office
    bare = tmp_path / "bare"
    files = ["--complaints", companies["microsoft"].complaints]
    run(bare, *files, "--calls", companies["microsoft"].calls, *AS_OF)
    act_as(monkeypatch, companies["microsoft"])
    words = ["exchange", "offer", bare, "--to", "amazon", "--output", tmp_path / "offer", *NOW]
    execute(*words)
    assert files_naming(tmp_path / "offer", STRANGERS) == []
    assert files_naming(tmp_path / "offer", RINGS) == ["offer.json"]


def test_a_referral_with_its_requests_stix_and_misp(office, monkeypatch, tmp_path):
    companies, decisions = office
    company = companies["amazon"]
    act_as(monkeypatch, company)
    ring = member_rows(company)["phone:+18885550123"]["cluster_id"]
    words = ["referral", company.run, "--cluster", ring, "--recipient", "us-fbi-ic3"]
    words += ["--complaints", company.complaints, "--calls", company.calls]
    words += ["--decisions", decisions, "--excerpts", "--output", tmp_path / "package"]
    agreed = ["--override-by", "Ada Cole", "--override-reason", "counsel agreed"]
    execute(*words, *agreed)
    assert files_naming(tmp_path / "package", STRANGERS) == []
    named = files_naming(tmp_path / "package", RINGS)
    for way in ("cluster.stix.json", "cluster.misp.json", "cluster.graphml", "referral.html"):
        assert f"data/{way}" in named
    assert any(name.startswith("data/requests/") for name in named)
    facts = json_of(tmp_path / "package/data/package.json")
    rows = member_rows(company)
    assert facts["members_left_out"] == sum(
        row["cluster_id"] == ring and (row["tier"], row["review"]) != ("core", "reviewed")
        for row in rows.values()
    )
    assert facts["victims"] <= 7


def test_a_cluster_of_lies_is_refused_whoever_answers(office, monkeypatch, tmp_path):
    companies, _ = office
    lied = tmp_path / "lies.jsonl"
    jsonl(
        lied, [report | {"phone_numbers": report["phone_numbers"][2:]} for report in lies("amazon")]
    )
    confirm = write_decisions(
        tmp_path / "decisions.csv", "C-1,confirm,+12125550147,,ann,looks bad,2026-04-15T00:00:00Z,"
    )
    run(tmp_path / "run", "--complaints", lied, "--decisions", confirm, *AS_OF)
    where = pc.field("status") == "confirmed"
    (row,) = table_rows(tmp_path / "run", CLUSTERS, where)
    act_as(monkeypatch, companies["amazon"])
    words = ["referral", tmp_path / "run", "--cluster", row["cluster_id"], "--complaints", lied]
    words += ["--recipient", "in-cbi", "--output", tmp_path / "package"]
    agreed = ["--override-by", "Ada Cole", "--override-reason", "counsel agreed"]
    assert "nothing_reviewed" in execute(*words, *agreed, status=1).err
    assert not (tmp_path / "package").exists()


def test_alerts_to_a_webhook(office, tmp_path):
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    watched, output = inbox(tmp_path / "in"), tmp_path / "out"
    # Six more people in one day cross the threshold; forty complaints of one person do not.
    today = [
        report | {"received_at": f"2026-04-08T{10 + n:02d}:00:00Z", "complaint_id": f"t{n}",
               "victim_id": f"t{n}"}
        for n, report in enumerate(honest("amazon"))
    ]  # fmt: skip
    known = tmp_path / "known"
    run(known, "--complaints", jsonl(tmp_path / "c.jsonl", honest("amazon")), *AS_OF)
    jsonl(watched / "complaints" / "a.jsonl", [*honest("amazon"), *lies("amazon"), *today])
    webhook = f"http://127.0.0.1:{server.server_port}/"
    try:
        watch_once(watched, output, "--previous", known, "--webhook", webhook)
    finally:
        server.shutdown()
    posted = b"\n".join(bodies).decode()
    assert not [secret for secret in STRANGERS if len(secret) > 6 and secret in posted]
    assert "+18885550123" in posted
    rows = [json.loads(body) for body in bodies]
    assert any(row["left_out"] for row in rows)
    thresholds = {row["entity_id"] for row in rows if row["kind"] == "threshold"}
    assert "phone:+18885550123" in thresholds and None not in thresholds
    # The files of the house name whom the webhook does not.
    assert files_naming(output / "alerts", STRANGERS)


def test_what_one_call_or_a_field_of_the_input_names_is_in_no_copy_that_leaves(tmp_path):
    """A trunk is free text, and the keys of a pivoted file may be people's names."""
    calls = [
        call(
            number,
            started_at=day(2 * number),
            direction="inbound",
            calling_number=RING,
            victim_id=f"v{number}",
            trunk="zq-shared" if number < 2 else "zq-jane-roe",
            carrier="Zq Shared Tel" if number < 2 else "Zq Jane Roe Tel",
        )
        for number in range(3)
    ]
    rows = [report | {f"Jane Roe {place}": 1} for place, report in enumerate(honest("amazon"))]
    inputs = ["--complaints", jsonl(tmp_path / "c.jsonl", rows)]
    decisions = write_decisions(tmp_path / "zq-decided-by-jane-roe.csv")
    inputs += ["--calls", jsonl(tmp_path / "k.jsonl", calls), "--decisions", decisions]
    run(tmp_path / "run", *inputs, *AS_OF)
    ringtrace("report", tmp_path / "run", "--redact", "--output", tmp_path / "copy")
    for form in ("graphml", "gexf"):
        out = tmp_path / f"x.{form}"
        ringtrace("export", tmp_path / "run", "--all", "--format", form, "--output", out)
    own = [tmp_path / "run/report/data/run.js", *(tmp_path / "run/suppliers").iterdir()]
    assert "jane roe" in written(own).replace("-", " ")
    copy = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert "jane roe" not in written(copy).replace("-", " ")
    for paths in (copy, [tmp_path / "x.graphml"], [tmp_path / "x.gexf"]):
        text = written(paths)
        assert "zq-jane" not in text
        assert "trunk:amazon:zq-shared" in text


def written(files):
    """All text of files, in lower case."""
    layers = (layer for path in files for layer in decoded_layers(path.name, path.read_bytes()))
    return "\n".join(layer.decode("utf-8", "replace") for layer in layers).lower()
