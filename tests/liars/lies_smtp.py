"""Wrong answers over SMTP: said in place of the honest answer, at whichever stage is asked."""

from __future__ import annotations

from collections.abc import Mapping

from liars.mail import CUT, DRIP, SILENCE, SmtpLie

CODES = (421, 432, 450, 451, 452, 454, 455, 500, 501, 502, 503, 504, 521, 523, 530, 535, 550, 551, 552, 553, 554, 555)
SAID: Mapping[str, bytes] = {
    **{f"{code}": b"%d 5.0.0 no\r\n" % code for code in CODES},
    "000": b"000 nothing\r\n",
    "099": b"099 nothing\r\n",
    "199": b"199 wait\r\n",
    "200": b"200 fine\r\n",
    "220 again": b"220 mail.test ESMTP\r\n",
    "251": b"251 will forward\r\n",
    "299": b"299 fine\r\n",
    "334": b"334 VXNlcm5hbWU6\r\n",
    "354 too early": b"354 go ahead\r\n",
    "399": b"399 more\r\n",
    "666": b"666 no\r\n",
    "999": b"999 no\r\n",
    "four digits": b"2500 ok\r\n",
    "two digits": b"25 ok\r\n",
    "no digits": b"OK fine\r\n",
    "a code alone": b"250\r\n",
    "digits of another script": "٢٥٠ ok\r\n".encode(),
    "a minus": b"-250 ok\r\n",
    "an empty line": b"\r\n",
    "blanks": b"   \r\n",
    "a bare line feed": b"250 ok\n",
    "a bare carriage return": b"250 ok\r",
    "zeroes": b"250 o\x00k\r\n",
    "binary": bytes(range(256)) + b"\r\n",
    "latin-1": b"550 5.1.1 caf\xe9 \xff\xfe\r\n",
    "an escape for terminals": b"550 5.1.1 \x1b[2J\x1b]0;x\x07\r\n",
    "two codes in one answer": b"250-mail.test\r\n550 no\r\n",
    "a second line without a code": b"250-mail.test\r\nhello\r\n250 ok\r\n",
    "more to come, and cut": b"250-mail.test\r\n",
    "1,000 lines": b"250-x\r\n" * 1_000 + b"250 ok\r\n",
    "a line of a megabyte": b"250 " + b"x" * 1_000_000 + b"\r\n",
    "a refusal of a megabyte": b"550 " + b"x" * 1_000_000 + b"\r\n",
    "a megabyte without a line": b"2" * 1_000_000,
    "two answers": b"250 ok\r\n250 ok\r\n",
    "yes and no": b"250 ok\r\n550 no\r\n",
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
    "an enhanced code that is none": b"550 9.99.999 no\r\n",
    "starttls that is none": b"250-mail.test\r\n250 STARTTLS\r\n",
    "cut": CUT,
    "silence": SILENCE,
    "drips": DRIP,
}
SMTP: Mapping[str, SmtpLie] = {name: SmtpLie(said) for name, said in SAID.items()}
YES = frozenset({
    "a code alone", "a bare line feed", "zeroes", "1,000 lines", "two answers", "yes and no", "starttls that is none",
    "a line of a megabyte",
})  # fmt: skip
"""After the dot these are a yes, badly said: whoever says so has taken the mail."""
DOT: Mapping[str, SmtpLie] = {
    **{name: SmtpLie(said, takes=name in YES) for name, said in SAID.items()},
    "taken, and cut": SmtpLie(CUT, takes=True),
    "taken, and silence": SmtpLie(SILENCE, takes=True),
    "taken, and drips": SmtpLie(DRIP, takes=True),
    "taken, and no digits": SmtpLie(b"OK fine\r\n", takes=True),
    "taken, and 000": SmtpLie(b"000 fine\r\n", takes=True),
    "taken, and a code alone": SmtpLie(b"250\r\n", takes=True),
    "taken, and an empty line": SmtpLie(b"\r\n", takes=True),
    "taken, and a line of a megabyte": SmtpLie(b"250 " + b"x" * 1_000_000 + b"\r\n", takes=True),
    "taken, and 200": SmtpLie(b"200 fine\r\n", takes=True),
}
"""After the dot: the mail was kept."""
