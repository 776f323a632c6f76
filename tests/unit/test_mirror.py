"""Copies of the status page: the published signature example, a bucket that verifies, rsync, and what fails."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime

import pytest
from aiohttp import web

from bcp import registry
from bcp.contracts.channel import Delivery, Message, NotSent
from bcp.kit.mirror import S3Mirror, copy, sign


def test_the_signature_is_that_of_amazons_own_example() -> None:
    """docs.aws.amazon.com, S3 API reference, "Example: PUT Object"."""
    found = sign(
        "PUT",
        "https://examplebucket.s3.amazonaws.com/test%24file.text",
        {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        b"Welcome to Amazon S3.",
        datetime(2013, 5, 24, tzinfo=UTC),
        region="us-east-1",
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    assert found["Authorization"].endswith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")


def channel(folder, mirror: dict):
    model = registry.settings_class("channels", "status-page")
    return registry.load("channels", "status-page").create(
        "page", model.model_validate({"folder": str(folder / "public"), "mirrors": [mirror]})
    )


def entry(key: str = "run/tell/page") -> Delivery:
    return Delivery(
        key, "page", Message("t", "page", "en", "Mail is late", "Mail is late.", "<p>Mail is late.</p>"), time.time()
    )


def test_a_bucket_gets_the_page_last_and_signed(tmp_path) -> None:
    """An emulated bucket that computes the signature itself; a wrong key is refused and said."""
    for name, text in (("a", "AKID"), ("s", "secret-key")):
        (tmp_path / name).write_text(text)
    got: list[tuple[str, str]] = []

    async def put(request: web.Request) -> web.Response:
        body = await request.read()
        heads = {k: v for k, v in request.headers.items() if k.lower() in {"content-type", "cache-control"}}
        at = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        right = sign(
            "PUT",
            f"http://{request.host}{request.raw_path}",
            heads,
            body,
            at,
            region="eu-central-1",
            access_key="AKID",
            secret_key="secret-key",
        )["Authorization"]
        if request.headers["Authorization"] != right:
            return web.Response(status=403, text="<Code>SignatureDoesNotMatch</Code>")
        got.append((request.path, request.headers["Content-Type"]))
        return web.Response()

    async def run() -> str:
        app = web.Application()
        app.router.add_put("/{path:.*}", put)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        mirror = {
            "kind": "s3",
            "endpoint": url,
            "bucket": "status-page",
            "prefix": "corp/",
            "region": "eu-central-1",
            "access_key": f"file:{tmp_path}/a",
            "secret_key": f"file:{tmp_path}/s",
        }
        page = channel(tmp_path, mirror)
        receipt = await page.send(entry())
        (tmp_path / "s").write_text("another-key")
        try:
            await copy(S3Mirror.model_validate(mirror), page.site.folder)
            return "no error"
        except Exception as error:
            assert receipt.id
            return f"{type(error).__name__} {error}"
        finally:
            await runner.cleanup()

    said = asyncio.run(run())
    assert (
        [p for p, _ in got][-1] == "/status-page/corp/index.html"
        and len(got) == 3
        and got[-1][1].startswith("text/html")
    )
    assert said.startswith("MirrorFailed") and "403" in said and "another-key" not in said


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_rsync_copies_the_page_and_says_what_fails(tmp_path) -> None:
    """To a folder; to one that cannot be; the entries stay here."""
    (tmp_path / "web").mkdir()
    page = channel(tmp_path, {"kind": "rsync", "to": str(tmp_path / "web") + "/"})
    asyncio.run(page.send(entry()))
    assert {p.name for p in (tmp_path / "web").iterdir()} == {"index.html", "feed.atom", "feed.json"}
    lost = channel(tmp_path, {"kind": "rsync", "to": str(tmp_path / "no" / "such" / "folder") + "/"})
    with pytest.raises(NotSent, match="written here, but not copied"):
        asyncio.run(lost.send(entry("run/tell2/page")))
    assert lost.site.has("run/tell2/page")
