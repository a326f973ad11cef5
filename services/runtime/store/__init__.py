"""MongoDB: the only package that imports its driver."""

import sys

# PyMongo tries to import PyOpenSSL, which Mailcase does not use, and loads `cryptography` first: 8
# MB in every process. The entry makes that import fail at once.
sys.modules.setdefault("pymongo.pyopenssl_context", None)  # type: ignore[arg-type]
