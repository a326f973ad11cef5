"""Files that are chosen without JavaScript: a browser sends them once, so the desk keeps them."""

import pytest

from services.desk.app import build_app
from services.desk.composing import uploads
from services.desk.desk import Desk
from services.desk.pages.handlers import drafts
from services.desk.pages.routes import page_routes
from services.runtime.errors import TransientError
from tests.asgi import Answer, Client
from tests.browser.visitor import Page
from tests.integration.desk.conftest import KnownPeople, OpenCase
from tests.integration.desk.pages.test_pages import Browser

LONG = "x" * 1_000_001
Files = dict[str, bytes]


@pytest.fixture
def browser(desk: Desk) -> Browser:
    people = KnownPeople()
    app = build_app(desk, people, page_routes(desk, people))
    return lambda name: Client(app, {"x-test-user": name, "sec-fetch-site": "same-origin"})


async def post(
    client: Client, path: str, fields: list[tuple[str, str]], files: Files | None = None
) -> Answer:
    """Send a form as a browser does that runs no script."""
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
        for name, value in fields
    ]
    for name, content in (files or {"": b""}).items():
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        parts.append(f"{head}Content-Type: application/pdf\r\n\r\n".encode() + content)
    body = b"".join(b"--frontier\r\n" + part + b"\r\n" for part in parts) + b"--frontier--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=frontier"}
    return await client.ask("POST", path, content=body, headers=headers)


def page_of(answer: Answer) -> Page:
    return Page(answer.status, answer.body.decode())


@pytest.mark.parametrize("kind", ["answer", "note"])
async def test_the_files_of_a_refused_form_are_attached_to_the_form_that_comes_back(
    browser: Browser, opened: OpenCase, desk: Desk, kind: str
) -> None:
    await opened(1)
    ada, path = browser("ada"), f"/cases/1/{kind}s"
    form = page_of(await ada.ask("GET", f"/cases/1/{kind}")).form(path)
    typed = {"text": LONG, "added": "jan@buyer.example", "do": "send"}
    files = {"a.pdf": b"%PDF one", "b.pdf": b"%PDF two"}
    refused = page_of(await post(ada, path, form.filled(**typed), files))
    form = refused.form(path)
    assert refused.status == 422
    assert "a.pdf" in refused.text
    assert len([name for name, _ in form.fields if name == "upload"]) == 2
    without_b = form.fields.copy()
    without_b.remove([field for field in form.fields if field[0] == "upload"][1])
    sent = [(name, value) for name, value in without_b if name not in {"text", "do"}]
    answer = await post(ada, path, [*sent, ("text", "Here it is"), ("do", "send")])
    assert answer.status == 303, answer.body.decode()[-2000:]
    if kind == "answer":
        (mail,) = await desk.reader.outgoing(1)
        attached = mail.attachments
    else:
        (note,) = await desk.reader.comments(1, [{"kind": "note"}], limit=9)
        attached = note.attachments
    assert [file.name for file in attached] == ["a.pdf"]


async def test_a_file_that_is_too_large_costs_no_other_file(
    browser: Browser, opened: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(1)
    monkeypatch.setattr(drafts, "MAX_FILE_BYTES", 10)
    typed = [("revision", "1"), ("text", "See the file"), ("do", "save")]
    files = {"scan <1>.pdf": b"more than ten bytes", "small.pdf": b"%PDF"}
    polish = browser("ada").with_headers(cookie="language=pl")
    page = page_of(await post(polish, "/cases/1/notes", typed, files))
    form = page.form("/cases/1/notes")
    assert page.status == 413
    assert "niedołączone: scan &lt;1&gt;.pdf." in page.text
    assert (form.value("text"), page.text.count('name="upload"')) == ("See the file", 1)
    assert "small.pdf" in page.text


async def test_the_error_page_keeps_the_files_that_were_stored(
    browser: Browser, opened: OpenCase, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(1)
    ada = browser("ada")
    typed = [("revision", "1"), ("text", "See the file"), ("editor", "e1"), ("do", "save")]

    async def away(*_: object) -> None:
        raise TransientError("no server")

    with monkeypatch.context() as dying:
        dying.setattr(desk.drafts, "save", away)
        page = page_of(await post(ada, "/cases/1/notes", typed, {"a.pdf": b"%PDF"}))
    assert page.status == 503
    assert "1 file is still attached." in page.text
    assert 'type="file"' not in page.text
    answer = await post(ada, "/cases/1/notes", page.form("/cases/1/notes").fields)
    assert answer.status == 303
    (note,) = await desk.reader.comments(1, [{"kind": "note"}], limit=9)
    assert [file.name for file in note.attachments] == ["a.pdf"]


async def test_the_files_of_someone_who_is_signed_out_are_to_be_chosen_again(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    typed = [("revision", "1"), ("text", "See the file"), ("do", "save")]
    page = page_of(await post(browser("revoked"), "/cases/1/notes", typed, {"a.pdf": b"%PDF"}))
    assert page.status == 401
    assert "Choose these files again: a.pdf" in page.text
    assert 'type="file"' in page.text


async def test_a_file_over_the_limit_of_its_user_costs_no_text(
    browser: Browser, opened: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(1)
    monkeypatch.setattr(uploads, "MAX_UNUSED", 1)
    typed = [("revision", "1"), ("text", "See the files"), ("do", "save")]
    files = {"first.pdf": b"%PDF 1", "second.pdf": b"%PDF 2"}
    polish = browser("ada").with_headers(cookie="language=pl")
    page = page_of(await post(polish, "/cases/1/notes", typed, files))
    form = page.form("/cases/1/notes")
    assert page.status == 409
    assert "Ponad 1 plików" in page.text
    assert (form.value("text"), page.text.count('name="upload"')) == ("See the files", 1)
