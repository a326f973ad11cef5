"""Whether this process prints only results and errors (`--quiet`)."""

_quiet = False


def set_quiet() -> None:
    """Show no progress, and log only errors, for the rest of this process."""
    global _quiet  # noqa: PLW0603 - of the process, like standard error
    _quiet = True


def is_quiet() -> bool:
    return _quiet
