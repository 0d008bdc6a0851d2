"""The base images of a Dockerfile get the digests that the registry has for their tags."""

import pytest

from tests.support.real_data import ROOT
from tools.pin_images import pin

DIGESTS = {
    "python:3.11-slim": "sha256:" + "1" * 64,
    "apache/beam_python3.11_sdk:2.77.0": "sha256:" + "2" * 64,
    "localhost:5000/tool": "sha256:" + "3" * 64,
}


def test_images_are_pinned_and_stages_are_not():
    written = """# FROM python:3.11-slim
FROM --platform=linux/amd64 python:3.11-slim AS base
COPY --from=apache/beam_python3.11_sdk:2.77.0 /opt/apache/beam /opt/apache/beam
COPY --chmod=755 --from=localhost:5000/tool /tool /tool
FROM scratch
COPY --from=base /a /a
COPY --from=0 /b /b
FROM base
"""
    pinned = pin(written, DIGESTS.__getitem__)
    expected = """# FROM python:3.11-slim
FROM --platform=linux/amd64 python:3.11-slim@sha256:1 AS base
COPY --from=apache/beam_python3.11_sdk:2.77.0@sha256:2 /opt/apache/beam /opt/apache/beam
COPY --chmod=755 --from=localhost:5000/tool@sha256:3 /tool /tool
FROM scratch
COPY --from=base /a /a
COPY --from=0 /b /b
FROM base
"""
    for digit in "123":
        expected = expected.replace(f"@sha256:{digit}", f"@sha256:{digit * 64}")
    assert pinned == expected


def test_a_pinned_image_gets_the_digest_of_today():
    image = "python:3.11-slim"
    earlier = f"FROM {image}@sha256:{'0' * 64}\n"
    assert pin(earlier, DIGESTS.__getitem__) == f"FROM {image}@{DIGESTS[image]}\n"


def test_every_image_of_the_template_is_pinned():
    text = (ROOT / "deploy/dataflow/Dockerfile").read_text(encoding="utf-8")
    asked = []
    pinned = pin(text, lambda image: asked.append(image) or "sha256:" + "4" * 64)
    assert len(asked) == pinned.count("@sha256:" + "4" * 64) == 3


def test_a_variable_is_refused():
    with pytest.raises(ValueError, match="without a variable"):
        pin("FROM python:${VERSION}\n", DIGESTS.__getitem__)
