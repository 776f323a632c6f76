"""``bcp.yaml``: the operator's configuration, read and validated whole."""

from bcp.settings.detect import DetectSettings
from bcp.settings.load import _anchor, load
from bcp.settings.model import Configuration, DomainSettings, Settings

__all__ = ["Configuration", "DetectSettings", "DomainSettings", "Settings", "_anchor", "load"]
