"""``bcp.kit.log_dates`` under its older name."""

from bcp.kit.log_dates import Dating

__all__ = ["Dating"]
