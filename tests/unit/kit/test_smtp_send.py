"""Handing over a mail: what each answer after the text means, since a wrong guess loses it or sends it twice."""

from __future__ import annotations

import asyncio

import pytest

from bcp.kernel.errors import InDoubt, Permanent, Transient
from bcp.kit import smtp


def hand_over(after_text: bytes, at_data: bytes = b"354 go ahead\r\n"):
    """Send one mail to a server that says this after DATA, and that after the text. Returns the answer or the error."""

    async def serve(reader, writer) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            writer.write({b"DATA": at_data, b"QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n"))
            if verb == b"DATA" and at_data.startswith(b"354"):
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(after_text)
                if not after_text:
                    writer.close()
                    return

    async def work():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await smtp.send(
                "127.0.0.1",
                port,
                b"Subject: x\r\n\r\nx\r\n",
                sender="a@x.example",
                recipient="b@x.example",
                timeout_s=1.0,
            )
        except (InDoubt, Permanent, Transient) as error:
            return error
        finally:
            server.close()

    return asyncio.run(work())


@pytest.mark.parametrize("said", [b"451 4.3.0 later\r\n", b"421 bye\r\n", b"499 no\r\n", b"400 no\r\n"])
def test_4yz_after_the_text_is_not_taken_and_may_be_tried_again(said) -> None:
    """RFC 5321 section 4.2.1."""
    assert type(hand_over(said)) is Transient


@pytest.mark.parametrize("said", [b"554 5.7.1 no\r\n", b"500 no\r\n", b"599 no\r\n"])
def test_5yz_after_the_text_is_a_refusal(said) -> None:
    """For good."""
    assert type(hand_over(said)) is Permanent


@pytest.mark.parametrize(
    "said",
    [
        b"", b"\r\n", b"OK fine\r\n", b"000 fine\r\n", b"099 x\r\n", b"199 wait\r\n", b"200 fine\r\n", b"251 fine\r\n",
        b"299 x\r\n", b"354 again\r\n", b"600 x\r\n", b"666 x\r\n", b"999 x\r\n", b"-250 ok\r\n", b"25 ok\r\n",
        b"250 " + b"x" * 100_000 + b"\r\n", b"250-more\r\n550 no\r\n"[:10], b"2500 ok\r\n",
        b"250-a\r\n2501 b\r\n", b"\x16\x03\x01\r\n",
    ],
)  # fmt: skip
def test_what_is_neither_yes_nor_no_after_the_text_is_in_doubt(said) -> None:
    """The text was sent. Whoever calls it *not taken* sends it again."""
    assert type(hand_over(said)) is InDoubt


def test_a_yes_instead_of_the_start_of_the_text_is_not_taken() -> None:
    """No text left: 250 stands where 354 belongs."""
    assert type(hand_over(b"", at_data=b"250 ok\r\n")) is Transient


def test_a_yes() -> None:
    """250, with words or without."""
    assert hand_over(b"250 2.0.0 queued as Q1\r\n") == "2.0.0 queued as Q1"
    assert hand_over(b"250\r\n") == "" and hand_over(b"250-a\r\n250 b\r\n") == "a\nb"
