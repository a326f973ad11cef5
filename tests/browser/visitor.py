"""A client that reads the desk's pages and sends their forms, like a browser without JavaScript."""

import asyncio
import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

SAID = re.compile(r'<div class="said">(.*?)</div>', re.DOTALL)


@dataclass
class Form:
    """A form on a page: the values of its fields, and its buttons."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def value(self, name: str) -> str:
        """The value of a field; "" if it is empty."""
        return dict(self.fields).get(name, "")

    def filled(self, **values: str) -> list[tuple[str, str]]:
        """The fields, with some of their values replaced by `values`."""
        kept = [(name, value) for name, value in self.fields if name not in values]
        return [*kept, *values.items()]


@dataclass(frozen=True)
class Page:
    """A response after redirects; `status` is that of the first response."""

    status: int
    text: str

    @property
    def said(self) -> list[str]:
        """The texts of the entries of a conversation."""
        return [html.unescape(text) for text in SAID.findall(self.text)]

    @property
    def newer(self) -> list[str]:
        """The entries that the page marks as newer than the text in a form."""
        part = self.text.partition('<section class="newer">')[2].partition("</section>")[0]
        return Page(0, part).said

    def form(self, action: str) -> Form:
        """The first form whose action ends with `action`. Raises LookupError."""
        for form in self.forms(action):
            return form
        raise LookupError(f"no form for {action} on the page: {self.text[-2000:]}")

    def forms(self, action: str) -> list[Form]:
        """Every form whose action ends with `action`."""
        reader = _FormReader()
        reader.feed(self.text)
        return [form for form in reader.forms if form.action.endswith(action)]


class Visitor:
    """One person with one connection. Methods raise OSError."""

    def __init__(self, url: str) -> None:
        self.origin = url
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
        self.cookies: dict[str, str] = {}

    async def open(self, path: str) -> Page:
        return await asyncio.to_thread(self._ask, "GET", path, "")

    async def send(self, action: str, fields: list[tuple[str, str]]) -> Page:
        """Send a form."""
        return await asyncio.to_thread(self._ask, "POST", action, urlencode(fields))

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: str) -> Page:
        status = 0
        while True:
            headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
            if method == "POST":
                headers |= {"Origin": self.origin}
                headers |= {"Content-Type": "application/x-www-form-urlencoded"}
            self._connection.request(method, path, body.encode() or None, headers)
            answer = self._connection.getresponse()
            text = answer.read().decode()
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            status = status or answer.status
            location = answer.headers.get("Location")
            if location is None:
                return Page(status, text)
            method, path, body = "GET", location.partition("#")[0], ""


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._text: str | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(found.get("action", ""))
            self.forms.append(self._form)
        if self._form is None:
            return
        name, value = found.get("name", ""), found.get("value", "")
        match tag:
            case "input" if name and found.get("type") != "file" and "disabled" not in found:
                if found.get("type") != "checkbox" or "checked" in found:
                    self._form.fields.append((name, value))
            case "textarea":
                self._text = ""
                self._form.fields.append((name, ""))
            case "select":
                self._select = name
            case "option" if "selected" in found:
                self._form.fields.append((self._select, value))
            case "button":
                self._form.buttons.append((name, value))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._form is not None:
            # A first line feed is the markup's, not the text's (HTML, 13.2.6.4.7).
            self._form.fields[-1] = (
                self._form.fields[-1][0],
                (self._text or "").removeprefix("\n"),
            )
            self._text = None
        if tag == "form":
            self._form = None
