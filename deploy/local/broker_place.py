"""Lets a RabbitMQ node's data folder move.

Ra, which keeps quorum queues and the streams' coordinator, notes in the file `config` of each queue the absolute path
of its data (`ra_server:config()`, its entry `system_config`), and goes by it at the next start. In a folder that has
moved since, that is the old place: the node makes empty folders there and its queues do not start.
"""

import re
from pathlib import Path

# As Erlang's `~p` writes them: a string, or a list of code points if one of them is not printable in Latin-1.
_NOTED = re.compile(rb'(\b(?:wal_)?data_dir\s*=>\s*)("(?:[^"\\]|\\.)*"|\[[\d,\s]*\])', re.DOTALL)


def adopt_place(node: Path) -> None:
    """Makes the notes below a stopped node's data folder name where it is now. Does nothing if they do already."""
    for file in (*node.glob("quorum/*/*/config"), *node.glob("coordination/*/*/config")):
        noted = file.read_bytes()
        renewed = _NOTED.sub(rb"\g<1>" + _erlang_string(str(file.parent.parent)), noted)
        if renewed != noted:
            new = file.with_name("config.new")
            new.write_bytes(renewed)
            new.replace(file)


def _erlang_string(text: str) -> bytes:
    """Plain text as it is, anything else as a list of code points: neither has a backslash, which `sub` would read."""
    if re.fullmatch(r"[\w./@ +,:=~-]*", text, re.ASCII):
        return f'"{text}"'.encode()
    return f"[{','.join(str(ord(character)) for character in text)}]".encode()
