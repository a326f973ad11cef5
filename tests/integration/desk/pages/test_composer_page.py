"""The forty difficult threads, on the page where people answer them."""

import re

from schemas.flags import CommentFlag
from schemas.stored import Comment, OutgoingMail, Person, to_document
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.pages.routes import page_routes
from tests.asgi import Client
from tests.integration.desk.conftest import KnownPeople, OpenCase
from tests.unit.desk.composing.test_recipients import THREADS, Thread
from tests.unit.sender.builders import outgoing

OURS = {"invoices@firm": "invoices@office", "office@firm": "help@office"}
BOX = re.compile(r'<input type="checkbox" name="(to|cc)" value="([^"]+)"[^>]*? checked>')


def ours(text: str) -> str:
    """A text of the table with the addresses of this desk."""
    for theirs, own in OURS.items():
        text = text.replace(theirs, own).replace(theirs.title(), own.title())
    return text.replace("invoices+235@firm", "invoices+235@office")


async def arrives(desk: Desk, number: int, thread: Thread) -> None:
    """The case's mail is that of the thread, kept whole."""
    fields = {
        "From": thread.author,
        "Reply-To": ", ".join(thread.reply_to.split()),
        "To": ", ".join(thread.to.split()),
        "Cc": ", ".join(thread.cc.split()),
        "List-Post": ", ".join(f"<mailto:{post}>" for post in thread.list_posts.split()),
        "List-Id": "<team.lists.example>" if thread.is_list else "",
    }
    head = "".join(f"{name}: {ours(value)}\r\n" for name, value in fields.items() if value)
    blob = await desk.blobs.put(f"{head}\r\nHello {number}\r\n".encode())
    author = Person("", ours(thread.author))
    flags = [] if thread.is_verified else [CommentFlag.UNVERIFIED_SENDER.value]
    mail = {"original": blob.sha256, "author": to_document(author), "flags": flags}
    await desk.store.collection(Comment.COLLECTION).update({"case": number}, {"$set": mail})
    for address in thread.bounced.split():
        undelivered = outgoing(
            id=f"answer {number}", case=number, to=[address], state="refused", process="invoices"
        )
        await desk.store.collection(OutgoingMail.COLLECTION).insert([to_document(undelivered)])


async def test_the_composers_page_preselects_whom_the_table_expects(
    desk: Desk, opened: OpenCase
) -> None:
    people = KnownPeople()
    app = build_app(desk, people, page_routes(desk, people))
    anna = Client(app, {"x-test-user": "anna", "sec-fetch-site": "same-origin"})
    shown, expected = {}, {}
    for number, thread in enumerate(THREADS, start=1):
        await opened(number, participants=ours(thread.participants).split())
        await arrives(desk, number, thread)
        page = (await anna.ask("GET", f"/cases/{number}/answer")).body.decode()
        picked = ["+" * (kind == "cc") + address.lower() for kind, address in BOX.findall(page)]
        shown[thread.about] = sorted(picked)
        expected[thread.about] = sorted(thread.expected.lower().split())
    assert shown == expected
