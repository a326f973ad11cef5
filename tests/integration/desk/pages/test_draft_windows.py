"""Drafts saved from several windows, and late: none overwrites what its window has not seen."""

import re
from typing import Any

import pytest
from msgspec import structs

from schemas.stored import OutgoingMail
from schemas.stored.desk import Draft
from services.desk.desk import Desk
from tests.asgi import Client
from tests.integration.desk.conftest import OpenCase
from tests.integration.desk.pages.test_answer_page import SEND, anna, draft_of, uploaded
from tests.integration.desk.pages.test_pages import post, shown

__all__ = ["anna"]  # a fixture
KEEP = "/cases/1/drafts/answer"
HIDDEN = re.compile(r'<input type="hidden" name="(revision|editor|replaces)" value="([^"]*)">')
API = "/api/v1/cases/1/drafts/answer"


async def window(anna: Client, kind: str = "answer") -> dict[str, str]:
    """The fields that the form of a window opened by Anna sends."""
    return fields_of(await shown(anna, f"/cases/1/{kind}"))


def fields_of(page: str) -> dict[str, str]:
    fields = dict(HIDDEN.findall(page))
    assert set(fields) == {"revision", "editor", "replaces"}
    return fields


async def recall_path(desk: Desk) -> str:
    waiting = await desk.reader.outgoing(1)
    return f"/cases/1/answers/{waiting[-1].id.removeprefix('answer ')}/recall"


async def test_a_draft_that_is_saved_late_overwrites_nothing(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    form = await window(anna)
    assert (await post(anna, KEEP, text="Paid", **form)).status == 204
    answer = await post(anna, "/cases/1/answers", text="Paid today", **form, **SEND)
    assert answer.status == 303
    assert (await post(anna, KEEP, text="Paid", **form)).status == 409
    assert await draft_of(desk) is None, "what was sent is no draft again"
    assert (await post(anna, await recall_path(desk))).status == 303
    assert (await post(anna, KEEP, text="Paid", **form)).status == 409
    draft = await draft_of(desk)
    assert draft is not None
    assert draft.text == "Paid today"
    form = await window(anna)
    assert (await post(anna, KEEP, text="Paid today.", **form)).status == 204
    answer = await post(anna, "/cases/1/answers", text="Paid today!", **form, **SEND)
    assert answer.status == 303


async def test_a_draft_saved_while_an_answer_is_recalled_is_kept(
    desk: Desk, anna: Client, opened: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(1)
    answer = await post(anna, "/cases/1/answers", text="Paid today", **await window(anna), **SEND)
    assert answer.status == 303
    restore, forms = desk.uploads.restore, [await window(anna)]

    async def restores(*arguments: Any, **named: Any) -> list[str]:
        for form in forms:
            forms.remove(form)
            assert (await post(anna, KEEP, text="One more thing", **form)).status == 204
        return await restore(*arguments, **named)

    monkeypatch.setattr(desk.uploads, "restore", restores)
    assert (await post(anna, await recall_path(desk))).status == 303
    draft = await draft_of(desk)
    assert draft is not None
    assert draft.text == "Paid today\n\nOne more thing"


@pytest.mark.parametrize(
    ("kind", "do"), [("answer", "send"), ("answer", "draft"), ("note", "save")]
)
async def test_texts_of_two_windows_are_both_kept(
    desk: Desk, anna: Client, opened: OpenCase, kind: str, do: str
) -> None:
    await opened(1)
    first, second = await window(anna, kind), await window(anna, kind)
    keep, to = f"/cases/1/drafts/{kind}", {"to": "jan@supplier.example"}
    files = [await uploaded(desk, "one.txt"), await uploaded(desk, "two.txt")]
    saved = await post(anna, keep, text="One", upload=files[0], **first)
    assert saved.status == 204
    assert (await post(anna, keep, text="Two", **second)).status == 409
    sends = {"text": "Two", "upload": files[1], "do": do} | to | second
    answer = await post(anna, f"/cases/1/{kind}s", **sends)
    page = answer.body.decode()
    assert answer.status == 409
    assert "changed in another window" in page
    assert re.search(r"<textarea[^>]*>\nTwo\n\nOne</textarea>", page)
    assert await desk.reader.outgoing(1) == []
    draft = await draft_of(desk)
    assert draft is not None
    assert (draft.text, set(draft.uploads)) == ("Two\n\nOne", set(files))
    assert (await post(anna, keep, text="One!", **first)).status == 409
    answer = await post(anna, f"/cases/1/{kind}s", text="Both", do=do, **to, **fields_of(page))
    assert answer.status == 303


async def test_a_window_does_not_delete_the_draft_of_another(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    first = await window(anna)
    await post(anna, KEEP, text="One", **first)
    second = await window(anna)
    await post(anna, KEEP, text="One and two", **second)
    answer = await post(anna, "/cases/1/answers", text="One", do="delete-draft", **first)
    assert answer.status == 409
    assert "One and two" in answer.body.decode()
    answer = await post(anna, "/cases/1/answers", text="One", do="delete-draft", **second)
    assert answer.status == 303
    assert await draft_of(desk) is None


async def test_an_answer_recalled_too_late_restores_the_draft_of_a_window(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    await post(anna, "/cases/1/answers", text="Paid today", **await window(anna), **SEND)
    recall, form = await recall_path(desk), await window(anna)
    await post(anna, KEEP, text="One more thing", **form)
    claimed = {"$set": {"state": "claimed", "attempts": 1}}
    await desk.store.collection(OutgoingMail.COLLECTION).update({"case": 1}, claimed)
    assert (await post(anna, recall)).status == 409
    assert (await post(anna, KEEP, text="One more thing.", **form)).status == 204


async def test_programs_save_drafts_with_and_without_an_editor(
    anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    body: dict[str, Any] = {"text": "One", "revision": 1}
    first = (await anna.ask("PUT", API, body)).json()
    answer = await anna.ask("PUT", API, body | {"editor": "program"})
    assert (answer.status, answer.json()["reason"]) == (409, "draft-changed")
    answer = await anna.ask("PUT", API, body | {"editor": "program", "replaces": first["editor"]})
    assert (answer.status, answer.json()["editor"]) == (200, "program")
    assert (await anna.ask("PUT", API, body)).status == 200


async def test_a_removed_draft_refuses_only_the_editors_that_it_had(
    anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    first: dict[str, Any] = {"text": "One", "revision": 1, "editor": "first"}
    second = first | {"editor": "second", "replaces": "first"}
    assert [(await anna.ask("PUT", API, body)).status for body in (first, second)] == [200, 200]
    assert (await anna.ask("DELETE", API)).status == 204
    late = [await anna.ask("PUT", API, body) for body in (first, second, first)]
    assert [answer.status for answer in late] == [409] * 3
    assert "save with a new `editor`" in late[0].json()["detail"]
    assert (await anna.ask("GET", "/api/v1/cases/1/drafts")).json()["items"] == []
    new = first | {"text": "{$text} $text", "editor": "third"}
    assert (await anna.ask("PUT", API, new)).json()["text"] == "{$text} $text"
    [draft] = (await anna.ask("GET", "/api/v1/cases/1/drafts")).json()["items"]
    assert (draft["text"], draft["editor"]) == ("{$text} $text", "third")
    assert (await anna.ask("PUT", API, first)).status == 409
    assert (await anna.ask("DELETE", API)).status == 204
    assert (await anna.ask("PUT", API, first)).status == 409, "as late as before"


@pytest.mark.parametrize("kind", ["answer", "note"])
@pytest.mark.parametrize("text", ["", "Two"])
async def test_files_of_another_window_are_seen_before_they_go_out(
    desk: Desk, anna: Client, opened: OpenCase, kind: str, text: str
) -> None:
    await opened(1)
    first, second = await window(anna, kind), await window(anna, kind)
    file = await uploaded(desk, "one.txt")
    keep = f"/cases/1/drafts/{kind}"
    assert (await post(anna, keep, text=text, upload=file, **first)).status == 204
    sends = {"text": "Two\nThree", "do": "send", "to": "jan@supplier.example"}
    answer = await post(anna, f"/cases/1/{kind}s", **sends, **second)
    page = answer.body.decode()
    assert answer.status == 409
    assert re.search(r"<textarea[^>]*>\nTwo\nThree</textarea>", page)
    assert '<ul class="files uploads" aria-live="polite"><li class="file">' in page
    assert "<span>one.txt</span>" in page
    assert (await post(anna, f"/cases/1/{kind}s", **sends, **fields_of(page))).status == 303


@pytest.mark.parametrize("kind", ["answer", "note"])
async def test_a_draft_that_another_window_saves_while_one_is_sent_is_kept(
    desk: Desk, anna: Client, opened: OpenCase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    await opened(1)
    first, keep = await window(anna, kind), f"/cases/1/drafts/{kind}"
    assert (await post(anna, keep, text="One", **first)).status == 204
    second, remove = await window(anna, kind), desk.drafts.remove

    async def removes(*arguments: Any) -> bool:
        assert (await post(anna, keep, text="Mine", **second)).status == 204
        return await remove(*arguments)

    monkeypatch.setattr(desk.drafts, "remove", removes)
    sends = {"text": "One", "do": "send", "to": "jan@supplier.example"}
    assert (await post(anna, f"/cases/1/{kind}s", **sends, **first)).status == 303
    draft = await draft_of(desk)
    assert draft is not None
    assert draft.text == "Mine"


@pytest.mark.parametrize(("kind", "button"), [("answer", "Save draft"), ("note", "Save note")])
async def test_a_refused_autosave_says_that_nothing_was_saved(
    anna: Client, opened: OpenCase, kind: str, button: str
) -> None:
    await opened(1)
    page = await shown(anna, f"/cases/1/{kind}")
    assert f">{button}</button>" in page
    refused = f"Not saved: this draft was changed in another window. Press {button} to see both."
    assert f'data-refused="{refused}"' in page


async def test_a_draft_from_before_there_were_editors_is_edited_on(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    await post(anna, KEEP, text="One", **await window(anna))
    draft = await draft_of(desk)
    assert draft is not None
    old = structs.replace(draft, editor=None)
    await desk.drafts.put(old)
    await desk.store.collection(Draft.COLLECTION).update(
        {"_id": old.id}, {"$unset": {"editor": 1, "removed_until": 1}}
    )
    sends = await window(anna) | {"replaces": "gone"}
    answer = await post(anna, "/cases/1/answers", text="Two", do="draft", **sends)
    assert answer.status == 409, "both texts are shown"
    await desk.drafts.put(old)
    await desk.store.collection(Draft.COLLECTION).update(
        {"_id": old.id}, {"$unset": {"editor": 1, "removed_until": 1}}
    )
    form = await window(anna)
    assert form["replaces"] == ""
    assert (await post(anna, KEEP, text="One and two", **form)).status == 204
