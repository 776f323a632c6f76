"""Options that several ``bcp comms`` commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Class = Annotated[str, typer.Option("--class", metavar="A-H", help="Class of outage; else that of the last verdict.")]
Channels = Annotated[
    list[str] | None, typer.Option("--channel", help="Channel from bcp.yaml; repeat it. Else all that fit.")
]
Values = Annotated[list[str] | None, typer.Option("--with", metavar="NAME=VALUE", help="A value for the message.")]
