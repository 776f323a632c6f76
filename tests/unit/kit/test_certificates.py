"""Certificates that others show: fetched over real TLS and read; what is none is said."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from acceptance.ready_stage import certificate

from bcp.kernel.errors import Transient
from bcp.kit.certificates import shown, validity


def test_a_certificate_is_fetched_and_read_whoever_signed_it(tmp_path: Path) -> None:
    context = certificate(tmp_path / "c.pem", "localhost", days=10)

    async def work() -> bytes:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=context)
        try:
            return await shown("localhost", server.sockets[0].getsockname()[1])
        finally:
            server.close()

    found = validity(asyncio.run(work()))
    assert found is not None and abs(found.ends - time.time() - 10 * 86_400) < 60 and found.begins < time.time()
    assert validity((tmp_path / "c.pem").read_bytes()) == found


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate(raw: bytes) -> None:
    assert validity(raw) is None


def test_nobody_listens_somebody_speaks_no_tls_and_somebody_is_silent() -> None:
    async def work(answer: bytes | None) -> None:
        ended = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if answer is None:
                await ended.wait()
            writer.write(answer or b"")
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        try:
            await shown("127.0.0.1", server.sockets[0].getsockname()[1], 0.2)
        finally:
            ended.set()
            server.close()

    for answer in (b"220 hello\r\n", None):
        with pytest.raises(Transient):
            asyncio.run(work(answer))
    with pytest.raises(Transient):
        asyncio.run(shown("127.0.0.1", 1, 0.5))
