"""Nothing of a victim's is in any byte of what leaves, however it could be written or packed."""

import csv
import gzip
import io
import shutil
import subprocess
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.referral import Confirmation
from schemas.tables import CAMPAIGNS
from tests.support.exchange_world import AGREED, rows
from tests.support.leaks import decoded_layers, leak_forms, number_forms
from tests.support.made_up_case import case_of, package_of, rows as made_up_rows
from tests.support.run_pipeline import read


def _words(content):
    command = ["pdftotext", "-layout", "-", "-"]
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def found_in(files, secrets):
    """Secrets in any layer of any file; a PDF's words as a reader sees them are a layer, too."""
    patterns = {form: secret for secret in secrets for form in leak_forms(secret)}
    told = []
    for name, content in files.items():
        plain = list(decoded_layers(name, content))
        if name.endswith(".pdf") and shutil.which("pdftotext"):
            plain.append(_words(content))
        whole = b"\n".join(plain)
        told += [(name, secret) for form, secret in patterns.items() if form in whole]
    return told


@pytest.fixture(scope="module")
def sent(counted, tmp_path_factory):
    """Every file that leaves either company in a joint referral, by name."""
    package = tmp_path_factory.mktemp("sent") / "p"
    assert counted.referral(package, *AGREED, "--overlap", counted.result) == 0
    folders = [package, counted.offer, *(counted.folder / name for name in "123")]
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_no_number_of_a_victim_in_any_form_is_in_what_is_sent(counted, sent):
    secrets = set()
    for file in counted.files:
        with file.open() as lines:
            for row in csv.DictReader(lines):
                secrets |= number_forms(row["phone"], row["country"])
    assert len(secrets) > 700 and len(sent) > 40
    assert found_in(sent, secrets) == []


def test_no_pseudonym_and_no_record_of_the_partners_is_in_what_is_sent(counted, sent):
    world = counted.world
    secrets = {row.get("victim_id") for one in (world.amazon, world.microsoft)
               for path in (one.complaints, one.calls) for row in rows(path)}  # fmt: skip
    secrets |= {row["complaint_id"] for row in rows(world.microsoft.complaints)}
    secrets -= {row["complaint_id"] for row in rows(world.amazon.complaints)} | {None, ""}
    assert len(secrets) > 500
    assert found_in(sent, secrets) == []


@pytest.mark.parametrize("name", ["pdf", "gz", "parquet", "txt"])
def test_a_value_that_is_there_would_be_found(tmp_path, name):
    secret = "v-7741-secret"
    if name == "pdf":
        by = Confirmation(f"x {secret} y", date(2026, 6, 1), "asked for", "d-1", "phone:+1")
        case = case_of(tmp_path / "run", made_up_rows(), confirmations=[by])
        content = package_of(case)["data/referral.pdf"]
        assert secret.encode() not in content
    elif name == "gz":
        content = gzip.compress(f"a {secret} b".encode())
    elif name == "parquet":
        file = io.BytesIO()
        pq.write_table(pa.table({"a": [secret] * 9}), file, compression="zstd")
        content = file.getvalue()
    else:
        content = next(one for one in leak_forms(secret) if len(one) == 32)
    assert found_in({f"f.{name}": content}, {secret})


def test_no_campaign_is_in_what_is_sent(counted, sent):
    runs = (counted.run, counted.world.amazon.run, counted.world.microsoft.run)
    ids = {one for run in runs for one in read(run, CAMPAIGNS)["campaign_id"].to_pylist()}
    assert len(ids) > 5
    assert found_in(sent, ids) == []
