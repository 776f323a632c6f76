"""What is read aloud in a call, as TwiML (twilio.com, TwiML for voice: Say)."""

from __future__ import annotations

from xml.sax.saxutils import escape

LANGUAGES = {"en": "en-GB", "de": "de-DE", "fr": "fr-FR", "es": "es-ES", "it": "it-IT", "nl": "nl-NL"}
"""The voice that reads a language. Without one Twilio reads everything as American English."""


def say(text: str, language: str) -> str:
    """A ``<Say>`` that reads this text with a voice of its language (``de``), a British one where there is none."""
    return f'<Say language="{LANGUAGES.get(language[:2], LANGUAGES["en"])}">{escape(text)}</Say>'
