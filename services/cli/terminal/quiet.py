"""Whether this process prints results and errors only, by `--quiet`."""

_quiet = False


def set_quiet() -> None:
    """No progress, and only errors in the log, for the rest of this process."""
    global _quiet  # noqa: PLW0603 - of the process, like standard error
    _quiet = True


def is_quiet() -> bool:
    return _quiet
