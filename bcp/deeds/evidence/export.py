"""Hand the evidence over: a folder that proves itself with nothing but Python, today and in ten years."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bcp.deeds.evidence.key import SigningKey
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.kernel.files import write_atomic
from bcp.kernel.hashing import canonical
from bcp.store.sqlite.pack import Pack, gather


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: str
    files: int
    as_of: float
    """Time of the newest event in it; 0: there is none yet."""
    key: str


def export(state: Path, folder: Path, organisation: str, key: SigningKey, secrets: Iterable[str] = ()) -> Exported:
    """Write everything into a new folder. The same evidence gives the same files, byte for byte.

    ``secrets``: values that may not be in it, whatever happens.

    Raises:
        Invalid: (``folder-not-empty``) there is something in the folder.
        Refused: (``evidence-secret``) a secret would be in it; nothing is written.
        StorageError: the evidence cannot be read, or the folder not be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        text = f"{folder} is not an empty folder"
        raise Invalid(text, rule="folder-not-empty", hint="Name a new one: nothing is written over.")
    pack = gather(state)
    as_of = iso(pack.as_of) if pack.as_of else ""
    _clean(pack, [s for s in secrets if len(s) >= 8])
    manifest = canonical(
        {"v": 1, "organisation": organisation, "as_of": as_of, "key": key.public, "files": pack.digests()}
    )
    files: Mapping[str, bytes] = {
        **pack.files,
        "manifest.json": manifest.encode(),
        "manifest.sig": key.sign(manifest).encode() + b"\n",
    }
    try:
        for name, raw in sorted(files.items()):
            write_atomic(folder / name, raw)
    except StorageError as error:
        hint = "Name a folder that can be written, with space: bcp evidence export FOLDER"
        raise StorageError(error.message, hint=hint) from error
    return Exported(str(folder), len(files), pack.as_of, key.public)


def _clean(pack: Pack, secrets: Iterable[str]) -> None:
    wanted = [s.encode() for s in secrets]
    for name, raw in pack.files.items():
        if any(s in raw for s in wanted):
            text = f"{name} contains a secret of the configuration: nothing was written"
            raise Refused(text, rule="evidence-secret", hint="Please report this; change the secret.")


def checked(folder: Path, key: str = "", witness: Path | None = None) -> tuple[list[str], list[str]]:
    """What the exported ``verify.py`` finds in such a folder, and its notes. Raises ``Invalid``, ``StorageError``."""
    from bcp.store.standalone_pack import check

    try:
        return check(folder, key, witness)
    except OSError as error:
        raise StorageError(f"{folder} cannot be read: {error.strerror or error}", hint="Is it an export?") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        text = f"{folder} is no evidence that can be read: {error}"
        raise Invalid(text, rule="no-evidence", hint="bcp evidence export FOLDER makes one.") from error
