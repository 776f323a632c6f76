"""Vendors whose port lies about who it is: no text is handed over, none is called sent, and it is said in time."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from bcp import registry
from bcp.contracts.channel import ChannelPlugin, Delivery, Message, NotSent
from bcp.kernel.errors import BcpError, InDoubt, Permanent, Transient
from liars.tls import LIES, closed_port

TIMEOUT_S = 0.6
PATIENCE_S = 120.0
"""A liar that hangs does so for ever; a busy machine takes its time."""
TWILIO = {"account_sid": "file:sid", "auth_token": "file:token", "from": "+15005550006", "api_url": "URL"}
CHANNELS: dict[str, dict[str, Any]] = {
    "twilio-sms": TWILIO,
    "twilio-voice": TWILIO,
    "twilio-whatsapp": {**TWILIO, "content_sid": "HX" + "0" * 32},
    "slack": {"token": "file:token", "channel": "C0LAB000001", "api_url": "URL"},
    "teams": {"url": "file:hook"},
    "ntfy": {"url": "URL", "topic": "mail-down", "token": "file:token"},
}
"""Kind and settings. ``URL`` is where the lie is told."""
CASES = [(kind, lie) for kind in CHANNELS for lie in [*LIES, "nobody listens"]]


def channel(kind: str, folder: Path, port: int, timeout_s: float = TIMEOUT_S) -> Any:
    """One whose vendor is there."""
    url = f"https://localhost:{port}"
    for name, text in {"sid": "AC" + "0" * 32, "token": "s3cret-token", "hook": f"{url}/hook/s3cret"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    plugin = registry.find(ChannelPlugin, kind)
    data = {k: url if v == "URL" else v for k, v in CHANNELS[kind].items()}
    given = {k: f"file:{folder}/{v[5:]}" if str(v).startswith("file:") else v for k, v in data.items()}
    settings = plugin.settings.model_validate({"kind": kind, "timeout": f"{timeout_s}s", **given})
    return plugin.create("it", settings)


async def sent(kind: str, lie: str, folder: Path) -> tuple[Any, list[bytes]]:
    """What became of one text, and what reached the liar. It ends, though he may not."""
    text = Message("m", "chat", "en", "Mail is late", "Mail is late.")
    one = Delivery("run-1/tell/alice", "+12025550101", text, time.time())
    port = LIES[lie](folder) if lie in LIES else None

    async def go(number: int) -> Any:
        made = channel(kind, folder, number)
        try:
            return await made.send(one)
        except BcpError as error:
            return error
        finally:
            await made.close()

    if port is None:
        return await go(closed_port()), []
    async with port.open() as number, asyncio.timeout(PATIENCE_S):
        found = await go(number)
    return found, port.taken


@pytest.mark.parametrize(("kind", "lie"), CASES)
def test_whoever_cannot_prove_who_he_is_gets_nothing(tmp_path, kind, lie) -> None:
    """No receipt, no text at the liar, no secret in the words, an outcome of ours."""
    found, taken = asyncio.run(sent(kind, lie, tmp_path))
    assert isinstance(found, (NotSent, Transient, Permanent, InDoubt)), found
    assert taken == [], "a text was handed over"
    assert "s3cret" not in f"{found.message} {found.hint}" and found.message


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_port_that_is_closed_is_safe_to_repeat(tmp_path, kind) -> None:
    """Nothing left: the courier may try again, and says *not sent*, never *in doubt*."""
    found, _ = asyncio.run(sent(kind, "nobody listens", tmp_path))
    assert isinstance(found, NotSent), found


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize("lie", ["expired", "another name", "self-signed", "tls 1.0 alone"])
def test_a_refused_certificate_is_not_sent(tmp_path, kind, lie) -> None:
    """The handshake failed before a word of ours: that is known, and said."""
    found, _ = asyncio.run(sent(kind, lie, tmp_path))
    assert isinstance(found, (NotSent, Permanent)) and not isinstance(found, InDoubt), found


@pytest.mark.parametrize("kind", ["twilio-sms", "slack", "teams", "ntfy"])
def test_a_vendor_whose_authority_is_known_gets_it(tmp_path, monkeypatch, kind) -> None:
    """The control of the tests above: the same port, vouched for, is handed the text."""
    port = LIES["self-signed"](tmp_path)

    async def go() -> None:
        async with port.open() as number:
            known = ssl.create_default_context(cafile=tmp_path / "ca.pem")
            monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", known)  # made when it is imported
            made = channel(kind, tmp_path, number, PATIENCE_S)
            text = Message("m", "chat", "en", "Mail is late", "Mail is late.")
            with contextlib.suppress(BcpError):
                await made.send(Delivery("run-1/tell/alice", "+12025550101", text, time.time()))
            await made.close()

    asyncio.run(go())
    assert any(b"late" in t or b"Host" in t for t in port.taken), port.taken
