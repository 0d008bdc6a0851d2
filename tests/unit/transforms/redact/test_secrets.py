"""Seed phrases and private keys are masked in every text; addresses and transactions stay."""

import csv
import json

import pyarrow as pa
import pytest

from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from tests.support.made_up_records import withheld_from
from tests.support.real_data import real
from transforms.decode import find_by_row
from transforms.extract import sensitive_text
from transforms.redact.rejects import mask_rejected_text

ENGLISH = "abandon ability able about above absent absorb abstract absurd abuse access accident"
SPANISH = "ábaco abdomen abeja abierto abogado abono aborto abrazo abrir abuelo abuso acabar"
FRENCH = (
    "abaisser abdiquer abeille abolir aborder écureuil aboyer abrasif abriter acajou zeste balancer"
)
HEX = "e9873d79c6d87dc0fb6a5778633389f4453213303da61f20bd67fc233aa33262"
WIF = "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn"


def parted(form, phrase=ENGLISH):
    """A phrase with each word written as a form says."""
    return "".join(form.format(word=word, n=n) for n, word in enumerate(phrase.split(), 1))


SECRETS = [
    ("my phrase was ", ENGLISH, " he took it"),
    ("", ENGLISH.upper(), ""),
    ("palabras: ", SPANISH, ""),
    ("palabras: ", SPANISH.replace("á", "a\u0301"), ""),
    ("mots : ", FRENCH, ""),
    ("https://evil-help.com/?p=", ENGLISH.replace(" ", "%20"), ""),
    ("words: ", "ａｂａｎｄｏｎ" + ENGLISH.removeprefix("abandon"), ""),
    *(
        ("words: ", parted(form).rstrip(" ,.;\n_-"), "")
        for form in (
            "{n}. {word} ",
            "{n}) {word}\n",
            "{word}, ",
            "{word}_",
            "{word}-",
            "{n}th {word}; ",
            "{n} is {word}. ",
            "{word} and ",
        )
    ),
    ("", WIF, ""),
    ("", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", " is gone"),
    ("I sent ", "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKm"
     "PGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi", ""),
    ("my private key is ", HEX, ", he said"),
    ("clave privada:\n", f"0x{HEX}", ""),
    ("Schlüssel: ", HEX.upper(), ""),
    ("private keys: ", f"{HEX}, {HEX}", " both"),
    ("", HEX, " is my private key"),
    ("wallet seed ", "sEdTM1uX8pu2do5XvTnutH6HsouMaM2", ""),
    ("-----", f"BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA{HEX}\n-----END RSA PRIVATE KEY",
     "-----\nThen he left."),
    ("-----", f"BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE{HEX}", ". He left."),
]  # fmt: skip
"""Text before, the secret, and text after."""

OTHERS = [
    f"txid {HEX}",
    f"I read him my private key. The transaction is {HEX}",
    f"https://mempool.space/tx/{HEX}",
    f"tx hash: 0x{HEX} paid the key agent",
    "pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa or bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "my wallet key was stolen, pay 0x52908400098527886E0F7030069857D2E4169EE7",
    "dos cero dos cuatro cinco seis uno cuatro uno cuatro dos cero dos tres",
    ENGLISH.rpartition(" ")[0],
]


def shown(text):
    kept = withheld_from({"narrative": text})
    return kept["narrative"][0].as_py()


@pytest.mark.parametrize(("before", "secret", "behind"), SECRETS)
def test_a_secret_is_masked_at_its_length(before, secret, behind):
    kept = shown(before + secret + behind)
    assert kept.startswith(before) and kept.endswith(behind)
    words = {*secret.split(), *secret.replace("_", " ").replace("-", " ").split()}
    assert len(kept) == len(before + secret + behind)
    assert not [word for word in words if len(word) > 4 and word.strip(".,;") in kept]


@pytest.mark.parametrize("text", OTHERS)
def test_what_only_looks_like_a_secret_stays(text):
    assert shown(text) == text


@pytest.mark.parametrize("kind", ["complaint", "call"])
@pytest.mark.parametrize("secret", [WIF, ENGLISH])
def test_a_rejected_row_shows_no_secret(kind, secret):
    row = json.dumps(
        {"complaint_id": "c1", "received_at": "soon", "narrative": f"I typed {secret}"}
    )
    assert not {*secret.split()} & {*mask_rejected_text(row, kind).replace('"', " ").split()}


def masked_in(texts):
    column = pa.array(texts, pa.string())
    return [find_by_row(column, hints, find) for hints, find in sensitive_text.SECRETS]


def test_no_simulated_narrative_has_a_secret(tmp_path):
    simulate(World(seed=3, complaints=1_000, operations=20), tmp_path)
    files = [path for path in (tmp_path / "complaints").rglob("*") if path.suffix == ".jsonl"]
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [json.loads(line).get("narrative") for line in lines]
    assert len(texts) >= 1_000
    assert masked_in(texts) == [{}, {}]


@pytest.mark.real
def test_no_transcript_of_the_ftc_has_a_secret():
    with real("robocall_transcripts/transcripts.csv").open(encoding="utf-8") as file:
        assert masked_in([row["transcript"] for row in csv.DictReader(file)]) == [{}, {}]
