"""Domains as people name them, and as they stand in the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.kernel.errors import Invalid
from bcp.kernel.names import meant
from bcp.wiring import App


def as_configured(app: App, domains: Sequence[str]) -> list[str]:
    """The same domains, whatever their case where somebody typed them.

    Raises:
        Invalid: one of them is not in the configuration.
    """
    found, known = [], app.world.domains
    for text in domains:
        try:
            name, why = meant(text, known), f"the domain {text!r} is not in bcp.yaml"
        except ValueError as error:
            name, why = text, str(error)
        if name not in known:
            from bcp.kernel.document import did_you_mean

            raise Invalid(why, hint=did_you_mean(text, known))
        found.append(name)
    return found
