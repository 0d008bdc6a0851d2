"""Opens private keys that a passphrase, the system's keyring or an agent guards.

A passphrase is read from the file $RINGTRACE_PASSPHRASE_FILE, else from $RINGTRACE_PASSPHRASE,
else from the system's keyring (extra `keyring`), else from the terminal. A key of an agent
(ssh-agent, or a token behind it) never leaves it: the agent signs, over the socket $SSH_AUTH_SOCK.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import stat
import struct
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pipelines.options import UsageError, system_errors, usage_errors
from reports import signing
from reports.signing import KeyFileError
from schemas.extras import install_command
from transforms.gates import open_bytes

PASSPHRASE_FILE, PASSPHRASE = "RINGTRACE_PASSPHRASE_FILE", "RINGTRACE_PASSPHRASE"

KEYRING_SERVICE = "ringtrace"

AGENT_SOCKET = "SSH_AUTH_SOCK"

LONGEST_PASSPHRASE = 1_024

LEAST_PASSPHRASE = 12
"""Shortest new passphrase, in characters: PKCS 8 slows guessing down only a little."""

AGENT_SECONDS = 60
"""Seconds that a person has to touch a token, or to answer the agent's question."""

_LARGEST_REPLY = 256 * 1024

_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
"""Messages of the agent protocol (draft-ietf-sshm-ssh-agent, section 3)."""

_SSH_ED25519 = b"ssh-ed25519"


def read_secret_file(path: Path, most: int, remedy: str) -> bytes:
    """Reads a file that only its owner may read.

    Raises:
        UsageError: if it cannot be read, or others can read it too.
    """
    with system_errors(path, f"{remedy}"), open_bytes(path) as file:
        mode = os.fstat(file.fileno()).st_mode
        content = file.read(most + 1)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{path}: others than its owner can read this key; run chmod 600 {path}")
    return content


_opened: dict[bytes, Ed25519PrivateKey] = {}
"""Locked keys that this process opened, by their files' bytes, so that it asks only once."""


def open_private_key(content: bytes, name: str) -> Ed25519PrivateKey:
    """Returns the private key of a file's bytes; for a public key, the agent's private key.

    Raises:
        UsageError: for bytes that are no key, or a key that cannot be opened.
    """
    with usage_errors(KeyFileError):
        if b"PRIVATE KEY" not in content and b"PUBLIC KEY" in content:
            return AgentKey(signing.public_part(content, name))
        if content in _opened:
            return _opened[content]
        key = signing.read_private_key(content, name, lambda: _passphrase(content, name))
        if signing.is_locked(content):
            named = signing.key_id(signing.public_part(content, name))
            if named != signing.key_id(key.public_key()):
                raise KeyFileError(
                    f"{name}: its two halves are not one key; restore it from your backup"
                )
            _opened[content] = key
    return key


def given_passphrase() -> bytes | None:
    """Returns the passphrase of the environment; None if it has none.

    Raises:
        UsageError: for a file that cannot be read, or that others can read.
    """
    if path := os.environ.get(PASSPHRASE_FILE):
        remedy = f"give a file to {PASSPHRASE_FILE} that can be read"
        return read_secret_file(Path(path), LONGEST_PASSPHRASE, remedy).rstrip(b"\r\n")
    text = os.environ.get(PASSPHRASE)
    return text.encode() if text else None


def new_passphrase() -> bytes:
    """Returns a passphrase to encrypt a key, from the environment or typed twice.

    Raises:
        UsageError: if it is too short, was typed differently, or there is no terminal.
    """
    passphrase = given_passphrase()
    if passphrase is None:
        passphrase = _typed("New passphrase: ", "the key")
        if _typed("Once more: ", "the key") != passphrase:
            raise UsageError("the two passphrases differ; run this again")
    if len(passphrase.decode("utf-8", "replace")) < LEAST_PASSPHRASE:
        raise UsageError(f"the passphrase is too short; use {LEAST_PASSPHRASE} characters or more")
    return passphrase


def keyring_passphrase(key_id: str) -> bytes:
    """Makes a passphrase, and stores it in the system's keyring.

    Raises:
        UsageError: without the package or a keyring.
    """
    keyring = _keyring()
    if keyring is None:
        raise UsageError(f"the package keyring is not installed; {install_command('keyring')}")
    made = secrets.token_urlsafe(32)
    try:
        keyring.set_password(KEYRING_SERVICE, key_id, made)
    except keyring.errors.KeyringError as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise UsageError(f"the system's keyring: {why}; use a passphrase instead") from None
    return made.encode()


def _keyring() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    return keyring


def _passphrase(content: bytes, name: str) -> bytes:
    passphrase = given_passphrase()
    if passphrase is None and (keyring := _keyring()) is not None:
        try:
            public = signing.key_id(signing.public_part(content, name))
            kept = keyring.get_password(KEYRING_SERVICE, public)
        except (keyring.errors.KeyringError, KeyFileError):
            kept = None
        passphrase = kept.encode() if kept else None
    return passphrase if passphrase is not None else _typed(f"Passphrase of {name}: ", name)


def _typed(prompt: str, name: str) -> bytes:
    if not sys.stdin.isatty():
        raise UsageError(
            f"{name} is encrypted, and there is no terminal to type its passphrase; set "
            f"{PASSPHRASE_FILE} to a file with it"
        )
    return getpass.getpass(prompt).encode()


class AgentError(UsageError):
    """An agent that does not answer, or refuses."""


class AgentKey(Ed25519PrivateKey):
    """A private key that an agent holds. It signs but cannot be read."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public

    def public_key(self) -> Ed25519PublicKey:
        """Returns the public key."""
        return self._public

    def sign(self, data: Any) -> bytes:
        """Lets the agent sign, and checks the signature.

        Raises:
            AgentError: if the agent does not sign, or signs wrongly.
        """
        content = bytes(data)
        request = bytes([_SIGN]) + _text(_blob(self._public)) + _text(content) + bytes(4)
        reply = _ask_agent(request)
        try:
            if reply[:1] != bytes([_SIGNED]):
                raise ValueError
            kind, raw = _texts(_texts(reply[1:])[0])
            if kind != _SSH_ED25519:
                raise ValueError
            self._public.verify(raw, content)
        except (ValueError, IndexError, struct.error, InvalidSignature):
            raise AgentError(
                f"the agent does not sign with {signing.key_id(self._public)[:16]}; add the key "
                "with ssh-add"
            ) from None
        return raw

    def private_bytes(self, *_: Any, **__: Any) -> bytes:
        """Raises UsageError: the agent never hands out a private key."""
        raise UsageError("the key is in an agent, which gives it to nobody; use it there")

    private_bytes_raw = private_bytes

    def __copy__(self) -> AgentKey:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> AgentKey:
        return self


def agent_keys() -> list[tuple[Ed25519PublicKey, str]]:
    """Returns the Ed25519 keys that the agent holds, each with its comment.

    Raises:
        AgentError: if there is no agent, or it does not answer.
    """
    reply = _ask_agent(bytes([_LIST]))
    keys = []
    try:
        if reply[:1] != bytes([_LISTED]):
            raise ValueError
        texts = _texts(reply[5:])
        for blob, comment in zip(texts[::2], texts[1::2], strict=True):
            kind, *rest = _texts(blob)
            if kind == _SSH_ED25519:
                public = Ed25519PublicKey.from_public_bytes(rest[0])
                keys.append((public, comment.decode("utf-8", "replace")))
    except (ValueError, IndexError, struct.error):
        raise AgentError("the agent's answer cannot be read; use another agent") from None
    return keys


def _blob(public: Ed25519PublicKey) -> bytes:
    return _text(_SSH_ED25519) + _text(public.public_bytes_raw())


def _text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _texts(content: bytes) -> list[bytes]:
    """Splits bytes into texts, each preceded by its length."""
    texts, place = [], 0
    while place < len(content):
        (size,) = struct.unpack_from(">I", content, place)
        if place + 4 + size > len(content):
            raise ValueError("a text that ends early")
        texts.append(content[place + 4 : place + 4 + size])
        place += 4 + size
    return texts


def _ask_agent(message: bytes) -> bytes:
    path = os.environ.get(AGENT_SOCKET)
    if not path:
        raise AgentError(f"there is no agent: set {AGENT_SOCKET}, or run ssh-agent and ssh-add")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            end = time.monotonic() + AGENT_SECONDS
            wire.settimeout(AGENT_SECONDS)
            wire.connect(path)
            wire.sendall(_text(message))
            (size,) = struct.unpack(">I", _received(wire, 4, end))
            if size > _LARGEST_REPLY:
                raise AgentError("the agent's answer cannot be read; use another agent")
            return _received(wire, size, end)
    except OSError as error:
        why = error.strerror or "does not answer"
        raise AgentError(f"{path}: {why}; run ssh-agent and ssh-add") from None


def _received(wire: socket.socket, size: int, end: float) -> bytes:
    parts = b""
    while len(parts) < size:
        # The limit is for the whole answer: single bytes would never exceed a limit for each call.
        wire.settimeout(max(0.001, end - time.monotonic()))
        part = wire.recv(size - len(parts))
        if not part:
            raise AgentError("the agent closed the connection; add the key with ssh-add")
        parts += part
    return parts
