"""Reports to systemd that `mailcase up` is ready and alive, if systemd runs it.

See sd_notify(3): a datagram to the socket in NOTIFY_SOCKET.
"""

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Send a state such as `READY=1`; without systemd, nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link,
    ):
        link.sendto(state.encode(), name)
