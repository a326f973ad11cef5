"""Cases from the corpus of hostile mails and mails with HTML, written directly to the database: the
desk must show whatever the database contains.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas.stored import Attachment, Case, Comment, Person, to_document
from services.case_writer.reading.reader import read_mail
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store
from tests.integration.casework.test_casework import comment
from tests.unit.casework.builders import case

CORPUS = Path("tests/mails")
FOLDERS = ("html", "hostile")
MAX_SHOWN_CHARS = 20_000
NAMES = (
    '"><img src=x onerror=alert(1)>.txt',
    "</title><script>alert(1)</script>.txt",
    "invoice\u202egpj.exe.txt",
    "a\r\nSet-Cookie: owned=1\r\n\r\n.txt",
    "..\\..\\startup.txt",
)


async def fill_hostile(store: Store, first: int) -> int:
    """Create a case for each mail, starting with number `first`; the last case has a file for each
    of NAMES. Returns the number of the last case.
    """
    now = datetime.now(UTC)
    content = await Blobs(store).put(b"content of a file")
    files = [
        Attachment(
            name=name,
            content_type="text/html",
            size=17,
            sha256=content.sha256,
            inline=False,
            content_id=None,
            blob=content.sha256,
        )
        for name in NAMES
    ]
    paths = [path for folder in FOLDERS for path in sorted((CORPUS / folder).glob("*.eml"))]
    cases, comments = [], []
    for number, path in enumerate(paths, start=first):
        read = read_mail(path.read_bytes())
        author = Person(read.author.name, read.author.address)
        shown = case(
            number, title=read.subject[:500], opened_by=author, opened_at=now, updated_at=now
        )
        cases.append(to_document(shown))
        mail = comment(f"{number:064x}", number, now + timedelta(seconds=number))
        document = to_document(mail) | {
            "html": read.html,
            "text": read.text[:MAX_SHOWN_CHARS],
            "full_text": read.full_text[:MAX_SHOWN_CHARS],
            "subject": read.subject,
            "author": {"name": author.name, "address": author.address},
            "attachments": [to_document(file) for file in files] if path == paths[-1] else [],
        }
        comments.append(document)
    await store.collection(Case.COLLECTION).insert(cases)
    await store.collection(Comment.COLLECTION).insert(comments)
    return first + len(paths) - 1
