"""A hostile server costs one probe its deadline and nothing else: no memory, no hold-up of the others, no exception."""

from __future__ import annotations

import asyncio
import resource
import time

import pytest

from bcp import registry
from bcp.contracts.probe import Result
from bcp.detect.watch import look_once
from bcp.kernel.clock import SystemClock
from bcp.kernel.secret import Secret
from probes import hostile

PATIENCE_S = 55.0
"""The servers hang for a minute, or flood for ever; a look's own deadline here is one second."""


def make(kind: str, **settings):
    module = registry.load("probes", kind)
    given = registry.settings_class("probes", kind).model_validate({"timeout": "1s", **settings})
    return module.create("p", given, SystemClock())


async def ordeal(probe, handler, tls=None, port_into=None):
    """One look, which must end though the server does not; returns the signal, the longest pause of the event loop by
    our own doing (CPU seconds: those of a busy machine are not counted), and the memory it took in MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worst = 0.0

    async def pulse() -> None:
        nonlocal worst
        while True:
            start = time.process_time()
            await asyncio.sleep(0.01)
            worst = max(worst, time.process_time() - start)

    async with hostile.serving(handler, tls=tls) as port:
        looker = probe(port)
        heart = asyncio.create_task(pulse())
        async with asyncio.timeout(PATIENCE_S):
            signal = await look_once(looker)
        heart.cancel()
        await looker.close()
    return signal, worst, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def check(found, *, may_be_ok: bool = False) -> None:
    signal, pause, memory = found
    assert signal.result in (
        {Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED} if may_be_ok else {Result.FAIL, Result.UNKNOWN}
    ), signal
    assert signal.kind != "broken-probe", signal.evidence
    assert pause < 3.0, f"the loop stood still for {pause:.2f} s of work"
    assert memory < 80, f"{memory:.0f} MiB"
    assert len(signal.evidence) < 1000


@pytest.mark.parametrize("how", sorted(hostile.SMTP))
@pytest.mark.parametrize("kind", ["smtp", "smtp-unknown"])
def test_smtp(kind, how) -> None:
    """Banners without end, lines without end, bytes that trickle, TLS that is none."""
    check(
        asyncio.run(
            ordeal(lambda port: make(kind, host="127.0.0.1", port=port, recipient="a@example.com"), hostile.SMTP[how])
        ),
        may_be_ok=how == "wrong-encoding",
    )


@pytest.mark.parametrize("how", sorted(hostile.HTTP))
def test_https(how) -> None:
    """Redirect loops are answers; the rest is cut off."""
    found = asyncio.run(ordeal(lambda port: make("https", url=f"http://127.0.0.1:{port}/"), hostile.HTTP[how]))
    check(
        found,
        may_be_ok=how
        in {"redirect-loop", "10-gb-body", "endless-chunks", "gzip-bomb", "wrong-charset", "slow-body", "lying-length"},
    )


@pytest.mark.parametrize("how", sorted(hostile.HTTP))
def test_status_page_and_entra(how) -> None:
    """The same servers, with eyes for the text."""
    check(asyncio.run(ordeal(lambda port: make("status-page", url=f"http://127.0.0.1:{port}/"), hostile.HTTP[how])))
    check(
        asyncio.run(
            ordeal(lambda port: make("entra", tenant_id="t", authority=f"http://127.0.0.1:{port}"), hostile.HTTP[how])
        )
    )


@pytest.mark.parametrize("how", sorted(hostile.HTTP))
def test_graph(how, tmp_path) -> None:
    """msgraph-sdk over our transport: no bomb, no flood, no retry."""
    (tmp_path / "s").write_text("secret-of-ours-xyz")
    (tmp_path / "s").chmod(0o600)
    base = {"tenant_id": "t", "client_id": "c", "client_secret": f"file:{tmp_path / 's'}"}
    for kind, more in (("graph-health", {}), ("graph-mailbox", {"mailboxes": ["a@example.com", "b@example.com"]})):
        check(
            asyncio.run(
                ordeal(
                    lambda port, k=kind, m=more: make(k, api_url=f"http://127.0.0.1:{port}", **base, **m),
                    hostile.HTTP[how],
                )
            )
        )
    assert Secret is not None


@pytest.mark.parametrize("how", sorted(hostile.DNS))
def test_dns(how) -> None:
    """A resolver that trickles or floods is no answer: unknown."""
    found = asyncio.run(
        ordeal(lambda port: make("dns", host="mail.example.com", resolvers=[f"127.0.0.1:{port}"]), hostile.DNS[how])
    )
    check(found)
    assert found[0].result is Result.UNKNOWN


@pytest.mark.parametrize("how", sorted(hostile.SMTP))
def test_imap(how) -> None:
    """One short line is read, no more."""
    check(asyncio.run(ordeal(lambda port: make("imap", host="127.0.0.1", port=port, tls=False), hostile.SMTP[how])))


def test_invalid_tls(tmp_path) -> None:
    """Expired, for another name, unknown issuer: failures of the front door;
    SMTP only notes it unless TLS is required."""
    tls = hostile.certificate(tmp_path, names=("wrong.example",), days=(-30, -1))
    found = asyncio.run(
        ordeal(lambda port: make("https", url=f"https://127.0.0.1:{port}/"), hostile.HTTP["redirect-loop"], tls)
    )
    assert (found[0].result, found[0].kind) == (Result.FAIL, "tls"), found[0]
    found = asyncio.run(ordeal(lambda port: make("imap", host="127.0.0.1", port=port), hostile.silence, tls))
    assert (found[0].result, found[0].kind) == (Result.FAIL, "tls"), found[0]
    found = asyncio.run(
        ordeal(
            lambda port: make("https", url=f"https://127.0.0.1:{port}/", verify=False),
            hostile.HTTP["redirect-loop"],
            tls,
        )
    )
    assert found[0].result is Result.OK


def test_the_others_do_not_wait_for_a_hostile_one() -> None:
    """A round with nine good servers and one that hangs: the good ones answer at once."""
    from bcp.detect.rules import Rules
    from bcp.detect.watch import Watcher

    async def run():
        good = hostile.http(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
        async with hostile.serving(good) as fine, hostile.serving(hostile.silence) as bad:
            probes = [make("https", url=f"http://127.0.0.1:{bad}/", timeout="50s")] + [
                make("https", url=f"http://127.0.0.1:{fine}/", timeout="50s") for _ in range(9)
            ]
            for i, p in enumerate(probes):
                p.name = f"p{i}"
            heard, enough = [], asyncio.Event()

            def hear(signal) -> None:
                heard.append(signal)
                if len(heard) == 9:
                    enough.set()

            watcher = Watcher(probes, Rules(interval_s=60), SystemClock(), listen=[hear])
            round_ = asyncio.ensure_future(watcher.once())
            async with asyncio.timeout(PATIENCE_S):
                await enough.wait()
            round_.cancel()
            await asyncio.gather(round_, return_exceptions=True)
            return heard

    heard = asyncio.run(run())
    assert sorted(s.probe for s in heard) == [f"p{i}" for i in range(1, 10)]
    assert {s.result for s in heard} == {Result.OK}
