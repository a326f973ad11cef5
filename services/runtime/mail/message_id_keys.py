"""The keys that sign the case's number in our Message-IDs."""

from pathlib import Path

from schemas.message_ids import MessageIdSigner
from services.runtime.errors import Mistake, SettingsError
from services.runtime.settings import Settings

MIN_KEY_BYTES = 32


def message_id_signer(settings: Settings) -> MessageIdSigner:
    """The signer of our Message-IDs, with the keys from the settings.

    Raises SettingsError for unusable keys.
    """
    return MessageIdSigner(_keys(settings.case_reference.key_file))


def _keys(file: Path | None) -> list[bytes]:
    if file is None:
        return []
    try:
        keys = [line.strip() for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        hint = "put the keys into it, one on each line, and let this service read it"
        raise SettingsError(
            [Mistake("case_reference.key_file", f"{file}: {error.strerror}", hint)]
        ) from error
    if any(len(key) < MIN_KEY_BYTES for key in keys) or not keys:
        hint = "create one with: openssl rand -hex 32"
        problem = f"{file} contains no key, or a key shorter than {MIN_KEY_BYTES} characters"
        raise SettingsError([Mistake("case_reference.key_file", problem, hint)])
    return keys
