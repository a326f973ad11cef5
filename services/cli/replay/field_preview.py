"""Shows what reading the fields of a mail again would change in its case, and writes nothing."""

from collections.abc import Mapping

from schemas.changes import FieldValue
from services.casework.persistence.field_recorder import FieldRecorder
from services.extractor.isolated_documents import IsolatedDocuments
from services.extractor.recorded_mails import MongoMails
from services.extractor.service import Extractor, UnknownProcessError
from services.runtime.settings import Settings
from services.runtime.store.mongo import Store


class FieldPreview:
    """Reads with the services' own rules. Methods raise TransientError."""

    def __init__(self, store: Store, settings: Settings) -> None:
        memory = settings.extractor.max_memory_bytes
        self._documents = IsolatedDocuments(max_memory_bytes=memory)
        self._extractor = Extractor(MongoMails(store), self._documents, settings)
        self._recorder = FieldRecorder(store, settings.processes)

    async def changes(self, mail_key: str) -> list[str]:
        """A line for each field of the case that would change, with its old and its new value."""
        try:
            read = await self._extractor.read(mail_key)
        except UnknownProcessError:
            return []
        found = await self._recorder.preview(read) if read is not None else None
        if found is None:
            return []
        case, what = found
        if what is None:
            return []
        return [
            f"  [#{case.number}] {name}: {_shown(case.fields, name)} -> {_shown(what.values, name)}"
            for name in what.values
        ]

    async def close(self) -> None:
        """End the child process that reads files."""
        await self._documents.close()


def _shown(values: Mapping[str, FieldValue | None], name: str) -> str:
    value = values.get(name)
    return str(value.value) if value is not None else "none"
