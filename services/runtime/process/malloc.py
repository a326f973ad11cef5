"""How this process returns memory to the system."""

import ctypes

_M_MMAP_THRESHOLD = -3  # malloc.h of glibc
_LARGE_BYTES = 1024 * 1024


def give_back_large_blocks() -> None:
    """Return blocks over 1 MiB to the system as soon as they are freed.

    By default glibc raises that threshold to the size of the largest block freed so far, up to 32
    MiB (mallopt(3), M_MMAP_THRESHOLD), so after one large mail the following ones fragment the
    heap. Other C libraries, which lack this call or ignore it, are not affected.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
