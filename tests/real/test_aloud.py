"""The message pack, read aloud by a speech synthesiser:
what takes too long for one breath, or cannot be said, is not plain."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import wave
from functools import cache

import pytest
from support import ROOT

from bcp.comms.lint import LONG
from bcp.comms.pack import load_pack
from bcp.comms.render import render

pytestmark = pytest.mark.real
PACK = load_pack([ROOT / "playbooks" / "messages"])
ESPEAK = shutil.which("espeak-ng")
BREATH_S = 7.0
"""One sentence; a telephone number, digit by digit, is the longest."""
CALL_S = 45.0
"""The whole call, everything said twice."""


@cache
def seconds(text: str, language: str) -> float:
    """How long it takes at the usual pace."""
    made = subprocess.run(
        [ESPEAK, "-v", language, "--stdout", text], capture_output=True, check=True, timeout=120
    ).stdout
    with wave.open(io.BytesIO(made)) as sound:
        return (len(made) - 44) / (sound.getframerate() * sound.getsampwidth() * sound.getnchannels())


@cache
def said(text: str, language: str) -> str:
    """The sounds."""
    return subprocess.run(
        [ESPEAK, "-v", language, "-q", "-x", text], capture_output=True, text=True, check=True, timeout=120
    ).stdout.strip()


def calls(language: str):
    """Every call of the pack, in every class."""
    for name in PACK.names():
        template = PACK.get(name)
        for letter in "ABCDEFG" if language in template.file.voice else "":
            body = render(template, "voice", language, language, {**LONG, "outage_class": letter}, drill=False).body
            yield name, letter, body


@pytest.mark.skipif(ESPEAK is None, reason="not installed: espeak-ng")
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_call_can_be_said(language) -> None:
    """No sentence longer than a breath, no call too long, nothing silent, no mark that is spelled out."""
    longest: tuple[float, str] = (0.0, "")
    total: dict[str, float] = {}
    for name, letter, body in calls(language):
        sentences = [s for s in re.split(r"(?<=[.!?])\s+", body) if s]
        lengths = [(seconds(s, language), s) for s in sentences]
        longest = max(longest, *lengths)
        assert all(said(s, language) for s in sentences), (name, letter)
        assert max(lengths)[0] <= BREATH_S, (name, letter, max(lengths))
        assert sum(n for n, _ in lengths) <= CALL_S, (name, letter, body)
        assert not re.search(r"[=/*_#<>{}|@\\`]", body), (name, letter, body)
        total[f"{name} {letter}"] = sum(n for n, _ in lengths)
    assert len(total) > 200
    print(
        f"{language}: {len(total)} calls; "
        f"the longest sentence {longest[0]:.1f} s, the longest call {max(total.values()):.0f} s"
    )


@pytest.mark.skipif(ESPEAK is None, reason="not installed: espeak-ng")
def test_what_is_noise_sounds_like_noise() -> None:
    """The rule of lint is right: a synthesiser says marks as words, and those are longer than what they stand for."""
    assert seconds("Reply 1 = read.", "en") > seconds("Reply 1, read.", "en")
    assert seconds("https://status.contoso.example", "en") > seconds("status.contoso.example", "en") * 1.2
