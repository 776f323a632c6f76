"""``bcp.yaml``: the operator's configuration, read and validated whole."""

from bcp.settings.model import (
    Configuration,
    DetectSettings,
    DomainSettings,
    Settings,
    _anchor,
    load,
)

__all__ = ["Configuration", "DetectSettings", "DomainSettings", "Settings", "_anchor", "load"]
