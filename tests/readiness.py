"""Asks a service whether it is ready, as a probe of Kubernetes does."""

import re
import urllib.request
from pathlib import Path


def is_ready(log: Path) -> bool:
    """Whether /readyz answers 200 on the port that the service logged; False before it logs one."""
    serving = re.search(r'"event":"http_serving","port":(\d+)', log.read_text())
    if serving is None:
        return False
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{serving[1]}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
