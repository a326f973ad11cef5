"""Keeps the blobs of mails that messages refer to for as long as the archive keeps the messages."""

from datetime import timedelta

from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

# The broker drops old messages from the archive in whole segments, and a queue may still contain a
# mail.
ARCHIVE_MARGIN = timedelta(days=2)


def kept_blobs(store: Store, settings: Settings) -> Blobs:
    """A blob store for mails that messages refer to. It keeps them as long as the archive keeps
    messages.
    """
    return Blobs(store, kept_for=timedelta(days=settings.archive.max_age_days) + ARCHIVE_MARGIN)
