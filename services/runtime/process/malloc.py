"""How this process returns memory to the system."""

import ctypes

_M_TRIM_THRESHOLD = -1  # malloc.h of glibc
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BYTES = 1024 * 1024


def give_back_large_blocks(over_bytes: int = _LARGE_BYTES, kept_bytes: int | None = None) -> None:
    """Return blocks over `over_bytes` to the system as soon as they are freed, and also free
    memory at the end of the heap if it is more than `kept_bytes`, by default the same.

    By default glibc raises that threshold to the size of the largest block freed so far, up to 32
    MiB (mallopt(3), M_MMAP_THRESHOLD), so after one large mail the following ones fragment the
    heap. The lower it is, the more often a new block takes a page fault for every 4 KiB. Other C
    libraries, which lack this call or ignore it, are not affected.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, over_bytes)
        mallopt(_M_TRIM_THRESHOLD, over_bytes if kept_bytes is None else kept_bytes)


def share_one_heap() -> None:
    """Let all threads of this process use one heap. Call it before threads are started.

    By default glibc gives threads heaps of their own (mallopt(3), M_ARENA_MAX), each of which keeps
    free memory that the others cannot use.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
