"""Libraries: npm packages as files under the root, verified before a byte of them is unpacked.

Never serves anything, and never prints: commands get values, problems and progress.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdnserve.libraries.adding import Terms, add
    from cdnserve.libraries.behind import Behind, outdated
    from cdnserve.libraries.outcomes import Added, Move, Placed, Removed, Synced, Updated
    from cdnserve.libraries.removing import remove
    from cdnserve.libraries.settings import Limits, Progress, Settings, Silent
    from cdnserve.libraries.spec import Spec, Wish, parse_wish
    from cdnserve.libraries.syncing import Checked, check, sync
    from cdnserve.libraries.updating import Manner, update

__all__ = [
    "Added",
    "Behind",
    "Checked",
    "Limits",
    "Manner",
    "Move",
    "Placed",
    "Progress",
    "Removed",
    "Settings",
    "Silent",
    "Spec",
    "Synced",
    "Terms",
    "Updated",
    "Wish",
    "add",
    "check",
    "outdated",
    "parse_wish",
    "remove",
    "sync",
    "update",
]

# Loaded when asked for: what speaks to registries takes longer to load than a sync that finds everything there.
_HOMES = MappingProxyType(
    dict.fromkeys(("Terms", "add"), "adding")
    | dict.fromkeys(("Added", "Move", "Placed", "Removed", "Synced", "Updated"), "outcomes")
    | dict.fromkeys(("Behind", "outdated"), "behind")
    | dict.fromkeys(("Limits", "Progress", "Settings", "Silent"), "settings")
    | dict.fromkeys(("Spec", "Wish", "parse_wish"), "spec")
    | dict.fromkeys(("Checked", "check", "sync"), "syncing")
    | dict.fromkeys(("Manner", "update"), "updating")
    | {"remove": "removing"}
)


def __getattr__(name: str) -> object:
    """Load what is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
