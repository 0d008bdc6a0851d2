"""The referral as one self-contained HTML page, under a policy that lets nothing run or load."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from reports import text
from reports.referral.blocks import Block, Section


def render(sections: Sequence[Section], name: str, tlp: str) -> bytes:
    """The page, as UTF-8."""
    style = _source("referral.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = (
        _environment()
        .get_template("referral.html")
        .render(
            sections=sections,
            name=name,
            tlp=tlp.upper(),
            kind_of=_kind_of,
            style=Markup(style),  # noqa: S704 - our own file, not data
            policy=Markup(policy),  # noqa: S704 - a digest and keywords
        )
    )
    return page.encode()


def _kind_of(block: Block) -> str:
    return type(block).__name__


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_source),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"visible": text.visible, "plain": text.plain}
    return environment


@cache
def _source(name: str) -> str:
    return files("reports.referral").joinpath("templates", name).read_text(encoding="utf-8")
