"""Before the first incident: what it would have to wait for is loaded."""

from __future__ import annotations

import contextlib

from bcp import registry
from bcp.kernel.errors import BcpError
from bcp.playbook.lint import lint
from bcp.wiring import App


def warm(app: App) -> None:
    """Import, make and lint everything that a run needs. A playbook that is wrong is found again when it is used.

    Raises:
        Invalid: people, channels or texts cannot be read: a daemon that can tell nobody does not start.
    """
    import aiohttp  # noqa: F401

    from bcp.deeds import run  # noqa: F401
    from bcp.reports import write  # noqa: F401

    registry.actions()
    app.make_ready()
    catalogue = app.playbooks.catalogue()
    for name in app.playbooks.files():
        with contextlib.suppress(BcpError):
            lint(app.playbooks.load(name), catalogue)
