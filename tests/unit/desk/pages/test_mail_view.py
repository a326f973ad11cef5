import time

import pytest

from services.case_writer.reading.html.sanitizer import sanitize
from services.case_writer.reading.text.quotes import strip_quotes
from services.desk.pages.case_views import quoted_lines, quoted_rest
from services.desk.pages.headers import mail_headers, page_headers
from services.desk.pages.mail_view import (
    MAX_PICTURE_BYTES,
    Picture,
    content_ids,
    count_remote,
    framed_document,
    real_host,
)
from services.desk.pages.text import initials, plain

PNG = Picture("image/png", b"\x89PNG")


def framed(html: str, *, remote: bool = False, pictures: dict[str, Picture] | None = None) -> str:
    safe, _, _ = sanitize(html)
    document = framed_document(
        safe, pictures or {}, title="A mail", language="en", remote_images=remote
    )
    return document.partition("<body>")[2]


def test_remote_images_stay_out_until_requested() -> None:
    mail = '<p>Hi <img src="https://track.example/p.png?id=1" alt="Logo"></p>'
    assert "track.example" not in framed(mail)
    assert "Logo" in framed(mail)
    assert 'src="https://track.example/p.png?id=1"' in framed(mail, remote=True)
    assert count_remote(sanitize(mail)[0]) == 1


def test_pictures_of_the_mail_become_data_of_safe_types_only() -> None:
    mail = '<img src="cid:logo@x" alt="L"><img src="cid:vector">'
    pictures = {"logo@x": PNG, "vector": Picture("image/svg+xml", b"<svg onload=alert(1)>")}
    document = framed(mail, pictures=pictures)
    assert 'src="data:image/png;base64,iVBORw=="' in document
    assert "svg" not in document
    assert content_ids(sanitize(mail)[0]) == {"logo@x", "vector"}


def test_a_picture_that_is_too_large_is_left_out() -> None:
    big = {"a": Picture("image/png", b"x" * (MAX_PICTURE_BYTES + 1))}
    assert "data:" not in framed('<img src="cid:a">', pictures=big)


@pytest.mark.parametrize(
    ("link", "label"),
    [
        ('<a href="https://evil.example/">https://bank.example/login</a>', 'differs">evil.example'),
        ('<a href="https://evil.example/">Click here</a>', 'host">evil.example'),
        ('<a href="https://bank.example@evil.example/">bank.example</a>', 'differs">evil.example'),
        ('<a href="https://b\u0430nk.example/">b\u0430nk</a>', 'host">xn--bnk-6cd.example'),
    ],
)
def test_a_link_shows_the_host_it_leads_to(link: str, label: str) -> None:
    assert label in framed(link)


def test_a_link_that_names_its_host_needs_no_label() -> None:
    assert "mailcase-host" not in framed('<a href="https://www.bank.example/a">bank.example/a</a>')
    assert "mailcase-host" not in framed('<a href="mailto:jan@x.example">Jan</a>')


def test_hosts_of_odd_links_are_empty_or_harmless() -> None:
    assert real_host("javascript:alert(1)") == ""
    assert real_host("http://[broken") == ""
    assert real_host("HTTPS://User:p@Host.Example:443/") == "host.example"


def test_names_that_take_long_to_encode_do_not_stop_the_desk() -> None:
    letters = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(4_000))
    started = time.monotonic()
    assert real_host(f"http://{letters}/").startswith("\\u4e00")
    assert len(real_host(f"http://{letters}/")) < 2_000
    names = [f"{letters[at : at + 50]}." * 4 for at in range(3_000)]
    html = "".join(f'<a href="http://{name}example/">x</a>' for name in names)
    assert framed(html).count("mailcase-host") == 3_000
    assert time.monotonic() - started < 3.0  # it was nine seconds


def test_a_link_with_many_signs_takes_no_time() -> None:
    started = time.monotonic()
    html = f'<a href="http://x.example/">{"<" * 60_000}</a>'
    assert "x.example" in framed_document(html, {}, title="A mail", language="en")
    assert time.monotonic() - started < 1.0


def test_a_title_cannot_leave_its_element() -> None:
    document = framed_document(
        "", {}, title="</title><script>alert(1)</script>", language='"><script>', bar="<b>"
    )
    assert "<script>" not in document
    assert "<b>" not in document


def test_the_frame_has_an_origin_of_its_own_and_runs_nothing() -> None:
    policy = mail_headers(remote_images=False)["Content-Security-Policy"]
    assert "sandbox allow-popups allow-popups-to-escape-sandbox;" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "img-src data:;" in policy
    assert "https:" not in policy
    assert "https:" in mail_headers(remote_images=True)["Content-Security-Policy"]


def test_a_page_allows_only_scripts_with_its_nonce() -> None:
    policy = page_headers("abc")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'nonce-abc';" in policy
    assert "unsafe" not in policy


def test_characters_that_reorder_or_hide_text_become_visible() -> None:
    assert plain("invoice\u202efdp.exe") == "invoice\ufffdfdp.exe"
    assert plain("a\r\nb\tc\x00") == "a\nb\tc\ufffd"
    assert initials("Anna Nowak") == "AN"
    assert initials("anna@firm.example") == "AF"
    assert initials("\u202e") == "?"


@pytest.mark.parametrize(
    ("full", "lines"),
    [
        (
            "Yes.\n\nOn 23 Nov 2026, at 10:11, Anna <anna@office.example> wrote:\n> When?\n> Anna",
            3,
        ),
        ("On 23 Nov 2026, at 10:11, Anna <anna@office.example> wrote:\n> When?\n\nTuesday.", 2),
        ("> When?\n>\n> Anna\n\nTuesday.\n\n-- \nJan\ntel. 22 555 01 00", 6),
        ("Tuesday.\n\nSent from my iPhone", 1),
        ("Tuesday.", 0),
    ],
)
def test_what_was_stripped_is_shown_as_quoted(full: str, lines: int) -> None:
    own = strip_quotes(full)
    rest = quoted_rest(own, full)
    assert set(full.split("\n")) <= {*own.split("\n"), *rest.split("\n"), ""}
    assert bool(rest) == (own != full)
    assert not rest or quoted_lines(own, full) == lines


def test_a_picture_is_found_whatever_its_content_id_contains() -> None:
    assert content_ids('<img src="cid:a&amp;b@mail" alt="">') == {"a&b@mail"}
