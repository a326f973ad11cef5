"""The account of this machine that runs a command, for histories and the audit log."""

import getpass
import os


def account_name() -> str:
    """Its name; its number if it has no name, as in a container that runs as any user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
