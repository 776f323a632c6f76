"""Time stamps of an authority of OpenSSL's, over real HTTP: a genuine one is taken, all else is an outcome."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from unit.deeds.tsa import POLICY, Authority, make_authority

from bcp.kit.http import Http
from bcp.kit.rfc3161 import NoStamp, _int, _oid, _tlv, answer, command, request, stamp, verify
from bcp.store.standalone_proof import der, parts, token_of

DIGEST = hashlib.sha256(b"what is stamped").hexdigest()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"))


def ask(authority: Authority, mode: str = "ok", *, ca: Path | None = None, times: int = 1, **more: Any) -> Any:
    async def work() -> Any:
        url, http = await authority.start(), Http()
        try:
            for i in range(times):
                authority.mode = mode if i == times - 1 else "ok"
                found = await stamp(http, url, DIGEST, 2**62 + i, ca=ca or authority.folder / "ca.pem", **more)
            return found
        finally:
            await http.close()
            await authority.stop()

    return asyncio.run(work())


def test_a_stamp_says_what_it_stamped_and_when_and_openssl_agrees(authority: Authority, tmp_path: Path) -> None:
    found = ask(authority, policy=POLICY)
    said = token_of(found.token)
    assert (said["digest"], said["nonce"], said["at"]) == (DIGEST, 2**62, found.at)
    (tmp_path / "t").write_bytes(found.token)
    done = subprocess.run(command(tmp_path / "t", DIGEST, authority.folder / "ca.pem", found.at), capture_output=True)
    assert done.returncode == 0 and b"OK" in done.stdout


@pytest.mark.parametrize(
    ("mode", "times", "rule"),
    [
        ("html", 1, "tsa-no-answer"),
        ("500", 1, "tsa-no-answer"),
        ("garbage", 1, "tsa-no-answer"),
        ("wrong-type", 1, "tsa-no-answer"),
        ("refuse", 1, "tsa-refused"),
        ("other", 1, "tsa-wrong-digest"),
        ("stale", 2, "tsa-wrong-nonce"),
    ],
)
def test_every_other_answer_is_an_outcome(authority: Authority, mode: str, times: int, rule: str) -> None:
    with pytest.raises(NoStamp) as caught:
        ask(authority, mode, times=times)
    assert caught.value.rule == rule and caught.value.hint


def test_nobody_listens() -> None:
    async def work() -> None:
        http = Http()
        try:
            await stamp(http, "http://127.0.0.1:1/tsr", DIGEST, 1, ca=Path("ca.pem"), timeout_s=1)
        finally:
            await http.close()

    with pytest.raises(NoStamp) as caught:
        asyncio.run(work())
    assert caught.value.rule == "tsa-unreachable"


@pytest.mark.parametrize(
    ("made", "words"),
    [({"days": -1}, "expired"), ({"purpose": ExtendedKeyUsageOID.SERVER_AUTH}, "purpose")],
    ids=["a certificate that is over", "a certificate for web servers"],
)
def test_a_signer_that_may_not_stamp_is_found(
    authority: Authority, tmp_path: Path, made: dict[str, Any], words: str
) -> None:
    """OpenSSL's own server refuses to sign with these: the token is signed by another program of it."""
    bad = tmp_path / "bad"
    make_authority(bad, **made)
    (bad / "tsa.cnf").write_text((bad / "tsa.cnf").read_text())
    good = ask(authority)
    with pytest.raises(NoStamp) as caught:
        asyncio.run(verify(_resigned(bad, tmp_path), DIGEST, bad / "ca.pem", good.at))
    assert caught.value.rule == "tsa-not-genuine" and words in caught.value.message


def _resigned(folder: Path, scratch: Path) -> bytes:
    """A token signed with this signer, whatever its certificate says: the TSTInfo of a good one, signed by ``cms``."""
    query = scratch / "q"
    query.write_bytes(request(DIGEST, 5))
    other = Authority(scratch / "other")
    info = _info(answer(other.reply(query.read_bytes())))
    (scratch / "info").write_bytes(info)
    subprocess.run(
        ["openssl", "cms", "-sign", "-binary", "-nodetach", "-in", str(scratch / "info"), "-signer",
         str(folder / "tsa.pem"), "-inkey", str(folder / "tsa.key"), "-certfile", str(folder / "ca.pem"), "-outform",
         "DER", "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-cades", "-out", str(scratch / "token")],
        check=True, capture_output=True,
    )  # fmt: skip
    return (scratch / "token").read_bytes()


def _info(token: bytes) -> bytes:
    signed = list(der(next(iter(der(parts(token)[1][1])))[1]))
    return next(iter(der(list(der(signed[2][1]))[1][1])))[1]


@pytest.mark.parametrize("how", ["another authority", "a changed token", "no such file", "no openssl"])
def test_what_is_not_genuine(authority: Authority, tmp_path: Path, monkeypatch, how: str) -> None:
    found, ca = ask(authority), authority.folder / "ca.pem"
    token = found.token
    if how == "another authority":
        make_authority(tmp_path / "x")
        ca = tmp_path / "x" / "ca.pem"
    elif how == "a changed token":
        token = token[:-1] + bytes([token[-1] ^ 1])
    elif how == "no such file":
        ca = tmp_path / "none.pem"
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoStamp) as caught:
        asyncio.run(verify(token, DIGEST, ca, found.at))
    assert caught.value.rule == "tsa-not-genuine"


# -- DER -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "hexed"),
    [
        (lambda: _int(0), "020100"),
        (lambda: _int(127), "02017f"),
        (lambda: _int(128), "02020080"),
        (lambda: _int(2**63 - 1), "02087fffffffffffffff"),
        (lambda: _oid("1.2.840.113549"), "06062a864886f70d"),
        (lambda: _tlv(4, bytes(128))[:3], "048180"),
        (lambda: _tlv(4, bytes(300))[:4], "0482012c"),
    ],
)
def test_what_we_write_is_der(make: Callable[[], bytes], hexed: str) -> None:
    assert make().hex() == hexed


@pytest.mark.parametrize("raw", ["30", "3005", "308501", "3080", "30820001", "020101020101"])
def test_what_is_no_der_is_said(raw: str) -> None:
    with pytest.raises(ValueError):
        parts(bytes.fromhex(raw))
    with pytest.raises(ValueError):
        token_of(bytes.fromhex(raw))


def test_openssl_reads_our_request(tmp_path: Path) -> None:
    (tmp_path / "q").write_bytes(request(DIGEST, 2**62 + 7, POLICY))
    text = subprocess.run(
        ["openssl", "ts", "-query", "-in", str(tmp_path / "q"), "-text"], capture_output=True, text=True, check=True
    ).stdout
    assert "sha256" in text and POLICY in text and "0x4000000000000007" in text and "Certificate required: yes" in text
