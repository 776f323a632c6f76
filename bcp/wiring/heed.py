"""What persons on call have declared (``bcp declare``), told to the detector before it judges a round."""

from __future__ import annotations

from pathlib import Path

from bcp.detect.detector import Detector
from bcp.detect.words import Word
from bcp.store.files.words import read_words


class Heeder:
    """Reads the file again where it has changed: somebody may declare from another process."""

    def __init__(self, path: Path, detector: Detector) -> None:
        self.path, self.detector = path, detector
        self._read: tuple[float, int] | None = None

    def heed(self) -> None:
        """Tell the detector all that was declared; which of it holds, it judges each round."""
        try:
            found = self.path.stat()
            now: tuple[float, int] | None = (found.st_mtime, found.st_size)
        except OSError:
            now = None
        if now != self._read:
            self._read = now
            lines = read_words(self.path)
            self.detector.heed(Word(x.kind, x.who, x.at, x.until, x.outage_class, x.text) for x in lines)
