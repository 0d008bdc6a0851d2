"""Damaged and hostile files: one clear line, or rows and rejects; never another exception."""

import random

import pytest

from tests.support.read_files import COMPRESS, read_file
from transforms.read.adapters import fcc_complaints, ftc_do_not_call, ftc_sentinel
from transforms.read.files import InputError
from transforms.read.framing import join_cells

SAMPLES = {
    "jsonl": b'{"complaint_id":"1","received_at":"x","payments":[{"amount":1.5}]}\n' * 20,
    "array": b"[" + b",".join([b'{"complaint_id":"1","urls":["a,{}"]}'] * 20) + b"]",
    "dnc": "\r\n".join([join_cells(ftc_do_not_call.HEADER), *["1,2,3,4,5,6,7,Y"] * 20]).encode(),
    "foia": "\n".join(
        [join_cells(ftc_sentinel.HEADER), *['1,2,3,4,"I,S",6|7,8|,9,0'] * 20]
    ).encode(),
    "fcc": b'[{"id":"1","issue_date":"x","caller_id_number":"None"}]',
    "fcc csv": "\n".join(
        [join_cells(fcc_complaints.HEADER), *[",".join("abcdefghijklmn")] * 9]
    ).encode(),
    "csv": b"complaint_id,source_org,received_at,urls\n" + b'1,x,t,"[""a""]"\n' * 20,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_flipped_cut_and_spliced_bytes(tmp_path, name):
    chance = random.Random(name)
    path = tmp_path / "a"
    for round_ in range(60):
        data = bytearray(SAMPLES[name])
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(data))
            data[place : place + chance.randrange(3)] = chance.choice(
                [b"\0", b'"', b"{", b"]", b"\xff", b"\n", b",", b"\\ud800", b"\x00\xfe", b""]
            )
        stored = bytes(data[: chance.randrange(1, len(data))] if round_ % 3 == 0 else data)
        if round_ % 5 == 0:
            pack = chance.choice(list(COMPRESS.values()))(stored)
            stored = pack[: chance.randrange(4, len(pack))]
        path.write_bytes(stored)
        try:
            whole = read_file(path)
            cut = read_file(path, shard_bytes=50)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert whole == cut
