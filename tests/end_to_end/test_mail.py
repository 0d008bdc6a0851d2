"""Mail as input: a batch and a stream make the same of it, and show no address of a victim."""

from __future__ import annotations

import os

import pyarrow.dataset as ds
import pytest

from tests.end_to_end.test_victim_data import places_of
from tests.support.examples import LONG, some
from tests.support.mails import (
    VICTIM,
    hostile_mails,
    invoice_pdf,
    mailbox,
    qr_png,
    report,
    scam_mail,
)
from tests.support.run_pipeline import run, watch_once

pytest.importorskip("pypdfium2")
pytest.importorskip("zxingcpp")
pytest.importorskip("PIL")

NUMBER = "+1 888-555-0177"

OTHERS = ("jane.second.77@aol.com", "jane.desk.third@clinic-mail.com", "copied.kin@aol.com")
"""Addresses of victims beside `VICTIM`."""


def mails():
    page = f"""<p>Dear {VICTIM}, cancel on {NUMBER}</p>
        <a href="https://refund-desk.support/case?mail={VICTIM}">Cancel</a>"""
    plain = scam_mail("See HTML.", page, From=f'"For {VICTIM}" <billing@renewal-desk.support>')
    pdf = invoice_pdf(f"Bill to {VICTIM}", f"Helpline {NUMBER}")
    plain.add_attachment(pdf, maintype="application", subtype="pdf")
    link = qr_png(f"https://qr-desk.support/x?{VICTIM}")
    plain.add_attachment(link, maintype="image", subtype="png")
    kin = scam_mail(f"{OTHERS[2]} and {VICTIM}: call {NUMBER}", Cc=OTHERS[2], number=2)
    inner = scam_mail(f"Hi {OTHERS[0]}, call {NUMBER}", To=OTHERS[0], number=3)
    said = f"Help.\n\n-----Original Message-----\nFrom: a@x.example\n\n{OTHERS[1]}: call {NUMBER}"
    quoted = scam_mail(said, From=OTHERS[1], Reply_To=OTHERS[1], To="phish@acme.example", number=4)
    return [bytes(mail) for mail in (plain, kin, report(inner), quoted)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("mail") / "complaints"
    base.mkdir()
    plain, kin, *others = mails()
    (base / "a.eml").write_bytes(plain)
    (base / "b.mbox").write_bytes(mailbox(kin, *others))
    hostile = dict(hostile_mails())
    refused = [hostile.pop("attached"), kin + b"x" * (9 << 20)]
    for name in some(list(hostile)):
        (base / f"{name}.eml").write_bytes(hostile[name])
    (base / "large.mbox").write_bytes(mailbox(kin + b"\n1", *refused))
    for path in base.iterdir():
        os.utime(path, (1, 1))
    return base


@pytest.fixture(scope="module")
def batch(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("batch") / "out"
    manifest = run(output, "--complaints", folder, "--no-register")
    return output, manifest


def rows(path, *columns):
    table = ds.dataset(path, format="parquet").to_table(columns=[*columns] or None)
    return sorted(map(str, table.to_pylist()))


def test_every_message_is_accounted_for(batch, folder):
    _, manifest = batch
    count = manifest["counts"]["complaints"]
    assert count["read"] == len(list(folder.glob("*.eml"))) + 6
    assert (count["rejected"], count["duplicates"]) == (2, 0)
    assert manifest["entries"]["unreadable"] == 0


def test_a_stream_makes_the_same_of_it(batch, folder, tmp_path):
    snapshot = watch_once(folder.parent, tmp_path, "--no-register")
    for name in ("entities", "links", "members"):
        assert rows(snapshot / name)
        assert rows(snapshot / name) == rows(batch[0] / name)
    assert not places_of(tmp_path, [VICTIM, *OTHERS])
    assert rows(tmp_path / "rejects", "code") == rows(batch[0] / "rejects", "code")


def test_the_number_to_call_is_found_and_no_victims_address_is_shown(batch):
    output, _ = batch
    number = "18885550177"
    assert "mentions" in {
        part for folders in places_of(output, [number]).values() for part in folders
    }
    assert not places_of(output, [VICTIM, *OTHERS])
    assert set(places_of(output, [VICTIM, *OTHERS], owners=True)) <= {VICTIM}


@pytest.mark.parametrize(
    ("country", "rule", "tier", "reporters"),
    [
        (None, None, "verify", 1),
        ("us", "each_row", "core", 3),
        *([("US", None, "verify", 1)] if LONG else []),
    ],
)
def test_a_country_and_a_rule_of_the_source_say_how_mails_are_read_and_counted(
    tmp_path, country, rule, tier, reporters
):
    """A number without a country code, and mails of three days by one reporter or by three."""
    pdf = invoice_pdf("To cancel your order, call 888-555-0142.")
    mail = scam_mail("See the invoice.")
    mail.add_attachment(pdf, maintype="application", subtype="pdf")
    (tmp_path / "a.eml").write_bytes(bytes(mail))
    for day in (4, 5, 6):
        stamp = f"by mx.comcast.net for <{VICTIM}>; Mon, {day:02d} Nov 2024 10:00:00 -0500"
        words = f"Call {NUMBER} today, says our desk number {day}."
        mail = scam_mail(words, number=day, Received=stamp)
        (tmp_path / f"{day}.eml").write_bytes(bytes(mail))
    sources = tmp_path / "sources.csv"
    sources.write_text(f"source_org,rule\nacme,{rule}\n" if rule else "source_org,rule\n")
    flags = ["--source-org", "acme", "--sources", sources, "--no-register"]
    flags += ["--victim-country", country] if country else []
    manifest = run(tmp_path / "out", "--complaints", tmp_path / "*.eml", *flags)
    ids = ds.dataset(tmp_path / "out/entities").to_table()["entity_id"].to_pylist()
    assert ("phone:+18885550142" in ids) is bool(country)
    assert manifest["options"].get("victim_country") == ("US" if country else None)
    members = ds.dataset(tmp_path / "out/members").to_table().to_pylist()
    counted = {row["entity_id"]: (row["tier"], row["reporters"]) for row in members}
    assert counted["phone:+18885550177"] == (tier, reporters)
