"""The relay's log on disk: rotated, packed, reused ids, unreadable."""

from __future__ import annotations

import asyncio
import gzip
import time

import pytest

from bcp.contracts.relay import MailFate
from bcp.kernel.errors import Transient
from bcp.plugins.relays.smtp import SmtpRelay, SmtpRelaySettings


def relay(tmp_path, queue=""):
    """One whose queue is a file."""
    (tmp_path / "queue").write_text(queue)
    return SmtpRelay(
        "r",
        SmtpRelaySettings.model_validate(
            {
                "kind": "smtp",
                "hosts": [{"host": "r.test"}],
                "log": tmp_path / "mail.log",
                "queue": {"command": ["cat", str(tmp_path / "queue")]},
            }
        ),
    )


def sent(when, ident="A1B2C3D4"):
    """A delivery."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(when))
    return f"{stamp} h postfix/smtp[1]: {ident}: to=<a@x.example>, relay=m, status=sent (250 ok)\n"


def test_a_rotated_log_is_read_too(tmp_path) -> None:
    """Yesterday's file, plain or packed."""
    now = time.time()
    (tmp_path / "mail.log").write_text("")
    (tmp_path / "mail.log.1").write_text(sent(now))
    assert asyncio.run(relay(tmp_path).fates(["A1B2C3D4"])) == [MailFate("A1B2C3D4", "a@x.example", "sent", "(250 ok)")]
    (tmp_path / "mail.log.1").unlink()
    (tmp_path / "mail.log.1.gz").write_bytes(gzip.compress(sent(now).encode()))
    assert len(asyncio.run(relay(tmp_path).fates(["A1B2C3D4"]))) == 1
    (tmp_path / "mail.log.1.gz").rename(tmp_path / "mail.log-20261127.gz")
    assert len(asyncio.run(relay(tmp_path).fates(["A1B2C3D4"]))) == 1
    (tmp_path / "mail.log-20261127.gz").write_bytes(b"no gzip")
    assert asyncio.run(relay(tmp_path).fates(["A1B2C3D4"])) == []


def test_what_was_sent_before_the_message_arrived_is_another_message(tmp_path) -> None:
    """The queue says when it arrived."""
    now = time.time()
    (tmp_path / "mail.log").write_text(sent(now - 30 * 86_400))
    one = relay(
        tmp_path,
        f'{{"queue_id": "A1B2C3D4", "arrival_time": {int(now)}, "sender": "s", '
        '"recipients": [{"address": "a@x.example"}]}\n',
    )
    assert asyncio.run(one.fates(["A1B2C3D4"])) != []
    asyncio.run(one.queue())
    assert asyncio.run(one.fates(["A1B2C3D4"])) == []


def test_a_log_that_cannot_be_read_is_said(tmp_path) -> None:
    """It may pass."""
    with pytest.raises(Transient, match="cannot be read"):
        asyncio.run(relay(tmp_path).fates(["A1B2C3D4"]))
