"""Copies of the status page elsewhere: a page must work when the machine that wrote it does not."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field

from bcp.contracts.plugin import Duration, Model
from bcp.kernel.errors import Transient
from bcp.kernel.secret import Secret, redact
from bcp.kit.body import read_whole

TYPES = {
    "index.html": "text/html; charset=utf-8",
    "feed.atom": "application/atom+xml",
    "feed.json": "application/feed+json",
}
"""What is published, and as what; ``entries.json`` stays here."""


class MirrorFailed(Transient):
    """The copy was not made, or it is not known. Safe to repeat: a copy replaces what is there."""


class RsyncMirror(Model):
    """A web server's folder, by rsync over SSH with a key of its own."""

    kind: Literal["rsync"]
    """By rsync."""
    to: Annotated[str, Field(pattern=r"^[^\s-][^\s]*$")]
    """Where: `status@web.example.net:/srv/www/status/`, or a folder."""
    key: Path | None = None
    """Private SSH key that may do nothing else there (`command="rrsync ..."` in authorized_keys)."""
    timeout: Duration = 30.0
    """For one copy."""


class S3Mirror(Model):
    """A bucket of S3 or of anything that speaks its protocol, served as a web site."""

    kind: Literal["s3"]
    """By the S3 protocol."""
    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/]+$")]
    """Base URL, such as `https://s3.eu-central-1.amazonaws.com`."""
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    """Bucket."""
    prefix: Annotated[str, Field(pattern=r"^$|^[A-Za-z0-9._/-]+/$")] = ""
    """What stands before the names, such as `status/`."""
    region: str = "us-east-1"
    """Region, as it is signed."""
    access_key: Secret
    """Access key id, by reference."""
    secret_key: Secret
    """Secret access key, by reference."""
    timeout: Duration = 15.0
    """For one file."""


Mirror = Annotated[RsyncMirror | S3Mirror, Field(discriminator="kind")]


async def copy(mirror: RsyncMirror | S3Mirror, folder: Path) -> None:
    """Copy the page and its feeds; the page last, so that it never names a feed entry that is not there.
    Raises ``MirrorFailed``."""
    if isinstance(mirror, RsyncMirror):
        await _rsync(mirror, folder)
        return
    for name in reversed(TYPES):
        await _put(mirror, name, (folder / name).read_bytes())


async def _rsync(mirror: RsyncMirror, folder: Path) -> None:
    ssh = ["-e", f"ssh -o BatchMode=yes -o ConnectTimeout=10{f' -i {mirror.key}' if mirror.key else ''}"]
    files = [str(folder / n) for n in reversed(TYPES)]
    command = ["rsync", "--times", "--perms", "--delay-updates", f"--timeout={int(mirror.timeout)}"]
    remote = ":" in mirror.to.partition("/")[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *command, *(ssh if remote else []), "--", *files, mirror.to, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise MirrorFailed(
            f"rsync cannot be run: {error.strerror}", hint="Install rsync, or use another mirror."
        ) from error
    try:
        async with asyncio.timeout(mirror.timeout + 5):
            _, said = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise MirrorFailed(f"rsync to {mirror.to} took too long", hint="Is the web server reachable?") from error
    if process.returncode:
        text = redact(said.decode(errors="replace").strip().splitlines()[-1][:200] if said.strip() else "")
        raise MirrorFailed(f"rsync to {mirror.to} ended with {process.returncode}: {text}", hint="Try it by hand.")


async def _put(mirror: S3Mirror, name: str, body: bytes) -> None:
    import aiohttp

    path = f"/{mirror.bucket}/{mirror.prefix}{name}"
    url = mirror.endpoint + quote(path)
    headers = {"Content-Type": TYPES[name], "Cache-Control": "max-age=30"}
    signed = sign(
        "PUT", url, headers, body, datetime.now(UTC), region=mirror.region, access_key=mirror.access_key.reveal(),  # noqa: TID251 - a store judges the signature by the real clock
        secret_key=mirror.secret_key.reveal(),
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=mirror.timeout)) as session:
            async with session.put(url, data=body, headers=signed, allow_redirects=False) as answer:
                if not 200 <= answer.status < 300:
                    text = redact((await read_whole(answer.content, 300)).decode(errors="replace"))
                    raise MirrorFailed(
                        f"{mirror.bucket} answers {answer.status}: {text}", hint="Check bucket, region and keys."
                    )
    except (aiohttp.ClientError, TimeoutError) as error:
        raise MirrorFailed(f"{mirror.endpoint} cannot be reached ({type(error).__name__})") from error


def sign(
    method: str, url: str, headers: Mapping[str, str], body: bytes, at: datetime, *, region: str, access_key: str,
    secret_key: str,
    service: str = "s3",
) -> dict[str, str]:  # fmt: skip
    """AWS Signature Version 4 in the Authorization header (docs.aws.amazon.com, S3 API, sig-v4-header-based-auth)."""
    parts, stamp, day = urlsplit(url), at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    digest = hashlib.sha256(body).hexdigest()
    every = {**headers, "Host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    low = sorted((k.lower(), " ".join(v.split())) for k, v in every.items())
    names = ";".join(k for k, _ in low)
    canonical = "\n".join([method, parts.path, parts.query, *(f"{k}:{v}" for k, v in low), "", names, digest])
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret_key).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},SignedHeaders={names},Signature={signature}"
    return {**{k: v for k, v in every.items() if k != "Host"}, "Authorization": credential}
