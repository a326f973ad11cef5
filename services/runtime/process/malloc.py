"""How this process takes memory from the system."""

import ctypes

_M_MMAP_THRESHOLD = -3  # malloc.h of glibc
_LARGE_BYTES = 1024 * 1024


def give_back_large_blocks() -> None:
    """Let what is larger than 1 MiB go back to the system as soon as it is free.

    By itself glibc raises that limit to the size of the largest block freed so far, up to 32 MiB (mallopt(3),
    M_MMAP_THRESHOLD): after one large mail the next ones are cut out of a heap with holes. Other libraries of C, which
    have no such call or leave it without effect, keep their own ways.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
