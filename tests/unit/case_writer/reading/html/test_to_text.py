"""Sanitized HTML as lines of text."""

import time

import pytest

from services.case_writer.reading.html.sanitizer import sanitize
from services.case_writer.reading.html.to_text import to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a<br>b</p><p>c</p><ol><li>d</li></ol>", "a\nb\n\nc\n\n  1. d"),
        ("<div>a<br></div>\n<div><br></div> <div> b</div>", "a\n\nb"),
        ("a <b>b</b>  c<i> d</i>\n<u>e</u>", "a b c d e"),
        ("a&nbsp;&nbsp;b &lt;c&gt; &amp;amp; \x01\x06", "a\xa0\xa0b <c> &amp;"),
        (
            "<ul><li>a<ul><li>b</li></ul></li><li><p>c</p></li></ul>d",
            "  • a\n    • b\n\n  • c\n\nd",
        ),
        ("<ol start=3><li>a<li value=7>b<li>c</ol>", "  3. a\n  7. b\n  8. c"),
        ("<table><tr><th>a<th>b<tr><td><p>c</p><td>d</table>e", "a\tb\nc\td\ne"),
        ("<table><tr><td><table><tr><td>a</table><td>b<tr><td><td>c</table>", "a\tb\nc"),
        ("<h1>a</h1><section>b</section><section>c</section><hr>d", "a\n\nb\nc\n\nd"),
        ("x<pre>a\n  b <b>c\n</b></pre>d", "x\na\n  b c\nd"),
        (
            "<div style='color:red;white-space: pre-wrap'>a\n\tb<div> c</div></div> d  e",
            "a\n\tb\n c\nd e",
        ),
        ("<div style='white-space:normal'>a\nb</div>", "a b"),
        (
            "<div>a</div><div>-- <br>b</div>--&nbsp;<p>c --</p>-- d",
            "a\n-- \nb\n-- \n\nc --\n\n-- d",
        ),
    ],
)
def test_html_is_laid_out_as_a_reader_sees_it(html: str, text: str) -> None:
    assert to_text(sanitize(html)[0]) == text


def test_quotes_of_mail_programs_are_marked_and_others_are_not() -> None:
    html = '<p>new</p><blockquote type="cite">old<blockquote class="gmail_quote">older</blockquote></blockquote>'
    assert to_text(html + "<blockquote>indented</blockquote>") == "new\n\n> old\n>> older\nindented"
    line = "понедельник, 23 ноября 2026, 10:11 +03:00 от Anna &lt;a@x.example&gt;:"
    marked = to_text(f"new<blockquote><b>{line[:9]}</b>{line[9:]}<br>old</blockquote>")
    assert marked == f"new\n> {line.replace('&lt;', '<').replace('&gt;', '>')}\n> old"


@pytest.mark.parametrize(
    "unit",
    ["<br>", "<li>", " ", "<td>", "<pre> ", "\x01", "<blockquote type=cite>", "&nbsp;", "<ul>"],
)
def test_twenty_thousand_of_anything_take_less_than_five_seconds(unit: str) -> None:
    safe = sanitize(unit * 20_000)[0]
    started = time.process_time()
    to_text(safe)
    assert time.process_time() - started < 5.0


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<select><option>one<option selected>two</select>", "one\ntwo"),
        ("<svg viewBox='0 0 1 1'><text>Plan A</text></svg>", "Plan A"),
        ("<svg><title/><style type='a'/><script href='x'/></svg>Own words", "Own words"),
        ("x = <math><mi>a</mi><mo>+</mo><mn>2</mn></math>", "x = a+2"),
        ("<OBJECT data=x><p>no player</p></OBJECT>", "no player"),
        ("<frameset><noframes><body>old words</body></noframes></frameset>", "old words"),
        ("<noscript><p>a</p></noscript><noscript><style>p{}</noscript>b", "a\n\nb"),
        ("<noscript><!--x--><p>a</p><!-- y</noscript>b", "a\n\nb"),
        ("<xmp>a <!-- b</xmp>c<xmp>d", "a <!-- b\nc\nd"),
        ("<fieldset><legend>Order</legend>two pumps</fieldset>", "Order\ntwo pumps"),
        ("<TEXTAREA>a <style> b</textarea>c<textarea>d", "a <style> b\nc\nd"),
        ("<!-- <textarea> -->a<!-- b --><style>p{}</style></textarea>", "a"),
        ("<style>/*<xmp>*/</style>a<style>p{}</style></xmp> b", "a b"),
        ("<!--[if !mso]><!-->a<textarea>b <!-- c</textarea><!--<![endif]-->", "a\nb <!-- c"),
        ("Name<input value='x'><span>Jan</span><button>Send</button>", "Name\nJan\nSend"),
        ("<menu><li>two pumps</menu>", "  • two pumps"),
    ],
)
def test_words_in_elements_that_are_not_allowed_stay(html: str, text: str) -> None:
    for mail in (html, html + "<b></b>" * 3000):  # the latter is normalized
        assert to_text(sanitize(mail)[0]).strip("\n") == text
