"""Shapes of names in ``bcp.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, StringConstraints, Tag

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


MailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]


NameOrNames = Annotated[
    Annotated[Name, Tag("One")] | Annotated[list[Name], Tag("Several")],
    Discriminator(lambda value: "Several" if isinstance(value, list) else "One"),
]
"""A name, or a list of them. What is wrong with one is told as that, and not as what is wrong with either form."""
