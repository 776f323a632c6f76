"""The report as one self-contained HTML page that prints well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.pages.report import report_page


def page(data: Mapping[str, Any], zone: str = "", logo: str = "") -> str:
    """The whole page, with times in this zone (IANA; UTC without one). ``logo``: a picture as ``data:`` URL."""
    return report_page(data, zone, logo)
