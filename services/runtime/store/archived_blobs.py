"""The blobs of mails that messages refer to, kept as long as the archive keeps the messages."""

from datetime import timedelta

from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

# The broker drops old messages from the archive in whole segments, and a queue may still hold a
# mail.
ARCHIVE_MARGIN = timedelta(days=2)


def kept_blobs(store: Store, settings: Settings) -> Blobs:
    """The store of mails that messages refer to, kept as long as the archive keeps messages."""
    return Blobs(store, kept_for=timedelta(days=settings.archive.max_age_days) + ARCHIVE_MARGIN)
