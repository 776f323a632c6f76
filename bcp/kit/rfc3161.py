"""Time stamps of others (RFC 3161): a request made, an answer judged, over HTTP (section 3.4).

What a token says is read here; whose it is, is checked by ``openssl ts -verify``: the signature, the chain to the
authority that is trusted, the extended key usage, and that no certificate was over when it was made. Every fault is an
outcome with a code, for whatever the other side answers.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bcp.kernel.errors import BcpError, Transient
from bcp.kit.http import Http
from bcp.kit.process import run_program
from bcp.store.standalone_proof import der, parts, token_of

SHA256 = bytes.fromhex("0609608648016503040201") + b"\x05\x00"
"""The algorithm identifier of SHA-256 (RFC 5754), with its NULL."""
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
MOST = 100_000
"""Bytes of an answer that are read; a token with its certificates has a few thousand."""
GRANTED = (0, 1)
"""PKIStatus: granted, granted with modifications (section 2.4.2)."""
VERIFY_S = 15.0


@dataclass(frozen=True, slots=True)
class Stamp:
    """A token that is genuine, and when it says that it was made (epoch seconds)."""

    token: bytes
    at: float


class NoStamp(Transient):
    """There is none this time. ``rule`` says why; it is tried again."""


async def stamp(
    http: Http, url: str, digest: str, nonce: int, *, ca: Path, policy: str = "", timeout_s: float = 15.0
) -> Stamp:
    """A time stamp of this SHA-256 (hex). ``nonce``: 64 bits of chance, so that no old answer is taken for this one.

    Raises:
        NoStamp: ``tsa-unreachable``, ``tsa-no-answer`` (what came is none), ``tsa-refused``, ``tsa-wrong-digest``,
            ``tsa-wrong-nonce``, ``tsa-not-genuine``.
    """
    body = await _ask(http, url, request(digest, nonce, policy), timeout_s)
    token = answer(body)
    try:
        said = token_of(token)
    except ValueError as error:
        raise NoStamp("its time stamp cannot be read", rule="tsa-no-answer", hint=CHECK) from error
    if said["digest"] != digest.lower():
        raise NoStamp("it stamped something else than it was sent", rule="tsa-wrong-digest", hint=CHECK)
    if said["nonce"] != nonce:
        raise NoStamp("its answer belongs to another request", rule="tsa-wrong-nonce", hint=CHECK)
    await verify(token, digest, ca, float(said["at"]))
    return Stamp(token, float(said["at"]))


CHECK = "Is it the address of a time-stamping authority? See evidence: timestamps:."


async def _ask(http: Http, url: str, query: bytes, timeout_s: float) -> bytes:
    try:
        reply = await http.request(
            "POST", url, headers={"Content-Type": QUERY}, data=query, timeout_s=timeout_s, cap=MOST, fresh=True
        )
    except BcpError as error:  # to ask twice does no harm: a lost answer is as good as none
        raise NoStamp(error.message, rule="tsa-unreachable", hint=CHECK) from error
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if reply.status != 200 or kind != REPLY or reply.cut:
        text = f"it answers {reply.status} with {kind or 'nothing'} instead of a time stamp"
        raise NoStamp(text, rule="tsa-no-answer", hint=CHECK)
    return reply.raw


def request(digest: str, nonce: int, policy: str = "") -> bytes:
    """A TimeStampReq (section 2.4.1) that asks for the authority's certificate, too."""
    imprint = _tlv(0x30, _tlv(0x30, SHA256) + _tlv(0x04, bytes.fromhex(digest)))
    wanted = _oid(policy) if policy else b""
    return _tlv(0x30, _int(1) + imprint + wanted + _int(nonce) + _tlv(0x01, b"\xff"))


def answer(body: bytes) -> bytes:
    """The token of a TimeStampResp (section 2.4.2), in DER. Raises ``NoStamp``."""
    try:
        found = parts(body)
        status = list(der(found[0][1]))
        code = int.from_bytes(status[0][1], "big", signed=True)
        text = b" ".join(v for _, v in der(status[1][1])).decode("utf-8", "replace") if len(status) > 1 else ""
    except (ValueError, IndexError) as error:
        raise NoStamp("what it answers is no time stamp", rule="tsa-no-answer", hint=CHECK) from error
    if code not in GRANTED or len(found) < 2:
        words = "".join(c for c in text if c.isprintable())[:200]
        raise NoStamp(f"it refuses: status {code} {words}".strip(), rule="tsa-refused", hint=CHECK)
    return _tlv(found[1][0], found[1][1])


async def verify(token: bytes, digest: str, ca: Path, at: float) -> None:
    """Is this token genuine, and was its certificate valid then? Raises ``NoStamp`` (``tsa-not-genuine``)."""
    with tempfile.TemporaryDirectory(prefix="bcp-ts-") as folder:
        path = Path(folder) / "token"
        path.write_bytes(token)
        try:
            ended = await run_program(command(path, digest, ca, at), timeout_s=VERIFY_S, environment={}, cap=20_000)
        except BcpError as error:
            hint = error.hint or "Install openssl."
            raise NoStamp(f"it cannot be checked: {error.message}", rule="tsa-not-genuine", hint=hint) from error
    if ended.code != 0:
        said = [line for line in ended.stderr.splitlines() if "error" in line.lower()] or ["it is not genuine"]
        why = said[-1].rpartition(":")[2].strip() or said[-1]
        hint = "Is evidence: timestamps: ca: the certificate of its authority?"
        raise NoStamp(f"its time stamp is not genuine: {why[:200]}", rule="tsa-not-genuine", hint=hint)


def command(token: Path | str, digest: str, ca: Path | str, at: float) -> list[str]:
    """How anybody checks a token, in ten years as today: as if it were the moment at which it was made."""
    return ["openssl", "ts", "-verify", "-digest", digest, "-in", str(token), "-token_in", "-CAfile", str(ca),
            "-attime", str(int(at))]  # fmt: skip


# -- DER (X.690), as much as a request needs -------------------------------------------------------------------------


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(raw)]) + raw + content


def _int(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _oid(text: str) -> bytes:
    first, second, *rest = (int(p) for p in text.split("."))
    out = bytearray()
    for number in (first * 40 + second, *rest):
        part = [number & 0x7F]
        while number := number >> 7:
            part.append(0x80 | (number & 0x7F))
        out += bytes(reversed(part))
    return _tlv(0x06, bytes(out))
