"""Adapts a RabbitMQ node to a data folder that has moved.

Ra, the library of quorum queues and the stream coordinator, stores the absolute path of its data in
the file `config` of each queue (`ra_server:config()`, entry `system_config`) and reads it at the
next start. If the folder has moved since, the node creates empty folders at the old path and the
queues do not start.
"""

import re
from pathlib import Path

# In the format of Erlang's `~p`: a string, or a list of code points if one is not printable in
# Latin-1.
_PATH = re.compile(rb'(\b(?:wal_)?data_dir\s*=>\s*)("(?:[^"\\]|\\.)*"|\[[\d,\s]*\])', re.DOTALL)


def update_data_paths(node: Path) -> None:
    """Write the current path into the files of a stopped node's data folder. Does nothing if they
    already contain it.
    """
    for file in (*node.glob("quorum/*/*/config"), *node.glob("coordination/*/*/config")):
        content = file.read_bytes()
        updated = _PATH.sub(rb"\g<1>" + _erlang_string(str(file.parent.parent)), content)
        if updated != content:
            new = file.with_name("config.new")
            new.write_bytes(updated)
            new.replace(file)


def _erlang_string(text: str) -> bytes:
    """Plain text unchanged, other text as a list of code points. Neither contains a backslash,
    which `sub` would interpret.
    """
    if re.fullmatch(r"[\w./@ +,:=~-]*", text, re.ASCII):
        return f'"{text}"'.encode()
    return f"[{','.join(str(ord(character)) for character in text)}]".encode()
