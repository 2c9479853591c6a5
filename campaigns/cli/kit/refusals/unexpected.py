"""The sentences for what no command expects: a machine without memory or room, and faults of ours."""

from __future__ import annotations

import errno

from campaigns.private_files import FULL_DISK

NO_MEMORY = (
    "There is not enough memory for this command; what was not committed was not done. Raise its limit (`ulimit -v`, "
    "or that of the container), or free some, and try again."
)


def _is_short_of_memory(fault: Exception) -> bool:
    """Whether the system gave no more: `ulimit -v`, the limit of a container, or a machine that has none left."""
    return (
        isinstance(fault, MemoryError)
        or (isinstance(fault, OSError) and fault.errno == errno.ENOMEM)
        or "can't start new thread" in str(fault)
        or (isinstance(fault, ImportError) and "failed to map segment" in str(fault))
    )


def shortage(fault: Exception) -> str | None:
    """The sentence for a machine that has no memory or no room left; None when the fault is another one."""
    if _is_short_of_memory(fault):
        return NO_MEMORY
    if not isinstance(fault, OSError) or fault.errno not in FULL_DISK:
        return None
    place = f" of '{fault.filename}'" if fault.filename else ""
    return (
        f"The disk{place} is full ({fault.strerror}); what was not committed was not done. Make room there "
        "(`campaigns doctor` shows the room of each disk), and try again."
    )


def unexpected(fault: Exception) -> str:
    """The sentence for a fault of ours."""
    words = " ".join(str(fault).split())[:200]
    return (
        f"Unexpected {type(fault).__name__}{f' ({words})' if words else ''}: this is a fault of campaigns; please "
        "report this sentence with the command you ran, and the traceback that LOG_LEVEL=DEBUG shows."
    )
