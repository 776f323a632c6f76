"""Plans as files: ``plans/ID.json``, and ``plans/used/CHECKSUM.json`` for those that a run has used."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bcp.kernel.errors import Invalid, Missing, Refused, StorageError
from bcp.kernel.files import make_private, sync_folder, write_atomic


class FilePlans:
    """See ``bcp.contracts.store.PlanStore``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, plan_id: str) -> Path:
        """Where a plan is. Raises ``Invalid`` for a name that is none."""
        if not plan_id or Path(plan_id).name != plan_id or plan_id.startswith("."):
            raise Invalid(f"{plan_id!r} is no id of a plan", hint="bcp plan PLAYBOOK makes one.")
        return self.folder / f"{plan_id}.json"

    def write(self, plan_id: str, data: Mapping[str, Any]) -> str:
        """Keep a plan."""
        path = self.path(plan_id)
        make_private(self.folder)
        write_atomic(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
        return str(path)

    def read(self, plan_id: str) -> Mapping[str, Any]:
        """One. Raises ``Invalid``."""
        path = self.path(plan_id)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise Missing(
                f"there is no plan {plan_id!r}", hint="bcp plan PLAYBOOK makes one.", rule="no-such-plan"
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise Invalid(f"{path} is not a plan file", hint="Make one with `bcp plan PLAYBOOK`.") from error
        if not isinstance(found, dict):
            raise Invalid(f"{path} is not a plan file", hint="Make one with `bcp plan PLAYBOOK`.")
        return found

    def listed(self, newest: int = 0) -> list[str]:
        """Ids, the newest first."""
        found = sorted((p.stem for p in self.folder.glob("*.json")), reverse=True) if self.folder.is_dir() else []
        return found[:newest] if newest else found

    def used_by(self, checksum: str) -> str:
        """The run that used this plan. One whose mark cannot be read was used by somebody."""
        try:
            found = json.loads(self._mark(checksum).read_text(encoding="utf-8"))
            return str(found.get("run") or "an unknown run")
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, AttributeError):
            return "an unknown run (its mark cannot be read)"

    def mark_used(self, checksum: str, run_id: str, at: float) -> None:
        """Exactly one of several that try at the same time succeeds."""
        path = self._mark(checksum)
        make_private(self.folder)
        make_private(path.parent)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(json.dumps({"run": run_id, "at": at}))
                out.flush()
                os.fsync(out.fileno())
            sync_folder(path.parent)
        except FileExistsError as error:
            raise plan_used(self.used_by(checksum)) from error
        except OSError as error:
            with contextlib.suppress(OSError):  # no run will use it: it can be run once there is room
                path.unlink(missing_ok=True)
            raise StorageError(
                f"cannot write {path}: {error.strerror or error}", hint="Free space or fix permissions, then repeat."
            ) from error

    def _mark(self, checksum: str) -> Path:
        return self.folder / "used" / f"{checksum}.json"


def plan_used(by: str) -> Refused:
    """A plan is run once."""
    return Refused(f"this plan was used by {by}", rule="plan-used", hint="A plan is run once. Make a new one.")
