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
from tests.support.exchange_world import rows
from tests.support.leaks import decoded_layers, leak_forms, number_forms, values_in
from tests.support.made_up_case import case_of, package_of, rows as made_up_rows
from tests.support.run_pipeline import read


def _words(content):
    command = ["pdftotext", "-layout", "-", "-"]
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def layers_of(files):
    """Every layer of every file; a PDF's words as a reader sees them are a layer, too."""
    for name, content in files.items():
        yield from decoded_layers(name, content)
        if name.endswith(".pdf") and shutil.which("pdftotext"):
            yield _words(content)


def test_nothing_of_a_victim_or_a_record_and_no_campaign_is_in_what_is_sent(counted):
    """Every file that leaves either company in a joint referral."""
    folders = [counted.package, counted.offer, *(counted.folder / name for name in "123")]
    files = {
        str(path): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    numbers = set()
    for file in counted.files:
        with file.open() as lines:
            for row in csv.DictReader(lines):
                numbers |= number_forms(row["phone"], row["country"])
    world = counted.world
    # Pseudonyms of both, and record ids of the partner's.
    names = {row.get("victim_id") for company in (world.amazon, world.microsoft)
             for path in (company.complaints, company.calls) for row in rows(path)}  # fmt: skip
    names |= {row["complaint_id"] for row in rows(world.microsoft.complaints)}
    names -= {row["complaint_id"] for row in rows(world.amazon.complaints)} | {None, ""}
    runs = (counted.run, world.amazon.run, world.microsoft.run)
    campaigns = {value for run in runs for value in read(run, CAMPAIGNS)["campaign_id"].to_pylist()}
    assert len(numbers) > 700 and len(names) > 500 and len(campaigns) > 5 and len(files) > 40
    assert values_in(b"\n".join(layers_of(files)), numbers | names | campaigns) == set()


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
        content = next(form for form in leak_forms(secret) if len(form) == 32)
    assert values_in(b"\n".join(layers_of({f"f.{name}": content})), {secret}) == {secret}
