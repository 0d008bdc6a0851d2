"""Pins the base images of a Dockerfile by digest: `python -m tools.pin_images FILE ...`.

Asks the registry for the digest of each tag, with docker or crane, and writes
`IMAGE:TAG@sha256:...`. An image that is pinned already gets the digest of its tag today.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

RESOLVERS = {
    "docker": "docker buildx imagetools inspect --format {{.Manifest.Digest}}",
    "crane": "crane digest",
}
"""Commands that print the digest of the image that is their last word."""

IMAGE = re.compile(
    r"^(FROM\s+(?:--\S+\s+)*|(?:COPY|ADD)\s.*?--from=)(?P<tag>[^\s@]+)(?:@sha256:\w+)?",
    re.IGNORECASE | re.MULTILINE,
)

STAGE = re.compile(r"^FROM\s.*\sAS\s+(\S+)", re.IGNORECASE | re.MULTILINE)


def pin(text: str, resolve: Callable[[str], str]) -> str:
    """Returns a Dockerfile with the digest of each image that it names.

    Stages of its own, by name or number, and `scratch` have none.

    Args:
        text: the Dockerfile.
        resolve: returns the digest of an image with its tag.

    Raises:
        ValueError: for an image whose name is a variable.
    """
    own = {"scratch", *STAGE.findall(text)}

    def pinned(image: re.Match[str]) -> str:
        tag = image["tag"]
        if tag in own or tag.isdecimal():
            return image[0]
        if "$" in tag:
            raise ValueError(f"{tag}: write the image without a variable, to pin it")
        return f"{image[1]}{tag}@{resolve(tag)}"

    return IMAGE.sub(pinned, text)


def ask_registry(image: str) -> str:
    """Returns the digest of an image, as its registry has it now.

    Raises:
        ValueError: without docker and crane, or if the registry gives no digest.
    """
    command = next((line for name, line in RESOLVERS.items() if shutil.which(name)), None)
    if command is None:
        raise ValueError("neither docker nor crane is installed: install one to pin images")
    words = [*command.split(), image]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    digest = done.stdout.strip()
    if done.returncode or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        reason = (done.stderr.strip() or "no digest").splitlines()[0]
        raise ValueError(f"{image}: {command}: {reason}")
    return digest


def main() -> None:
    """Rewrites each Dockerfile that is named, or says in a line why not."""
    for path in map(Path, sys.argv[1:]):
        try:
            path.write_text(pin(path.read_text("utf-8"), ask_registry), "utf-8")
        except ValueError as error:
            sys.exit(f"{path}: {error}")
        print(f"{path}: pinned")


if __name__ == "__main__":
    main()
