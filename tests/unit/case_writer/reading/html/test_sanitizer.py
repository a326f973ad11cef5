"""Sanitized HTML: nothing runs, loads, leaves its box or hangs, and its text reads as
it is shown.
"""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.case_writer.reading.html import sanitizer as markup
from services.case_writer.reading.html.normalizer import needs_normalizing, normalize
from services.case_writer.reading.html.to_text import to_text

HARMFUL = re.compile(
    r"""<(?:script|iframe|object|embed|form|input|button|textarea|select|frame|meta|link|base|svg|math|style|video|audio|body)
    |\son[a-z]+=|javascript:|vbscript:|\ssrc="(?!cid:)|srcset|background=|url\(|expression\(|position:|z-index|margin|behavior
    |-moz-binding|data:""",
    re.IGNORECASE | re.VERBOSE,
)
PROBES = [
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<IMG SRC=JaVaScRiPt:alert(1)>",
    "<img src='jav&#x09;ascript:alert(1)'>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href=data:text/html;base64,PHNjcmlwdD4=>x</a>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<form action=https://x.example><input type=image src=https://x.example/i></form>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=https://x.example></object><embed src=https://x.example>",
    "<meta http-equiv=refresh content='0;url=https://x.example'>",
    "<link rel=stylesheet href=https://x.example/a.css>",
    "<base href=https://x.example/>",
    "<style>@import 'https://x.example/a.css';</style>",
    "<div style='background:url(https://x.example/a)'>x</div>",
    "<div style='background-image:u\\72l(https://x.example/a)'>x</div>",
    "<div style='width:expression(alert(1));color:exPRession(1)'>x</div>",
    "<div style='position:fixed;inset:0;z-index:9'>x</div>",
    "<div style='margin:-999px'>x</div>",
    "<table background=https://x.example/a><tr><td background=//x.example/b>x</table>",
    "<img srcset='https://x.example/a 2x' src=https://x.example/b>",
    "<video src=https://x.example/v poster=https://x.example/p></video><audio src=x>",
    "<img src=//x.example/a>",
    "<img src=/relative>",
    "<img src=\\\\x.example\\a>",
    "<p title='<img src=x onerror=alert(1)>'>x</p>",
    '<p title="x" onclick="alert(1)" style="color:red">x</p>',
    "<template><script>alert(1)</script></template>",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml-stylesheet href='https://x.example'?>",
    "<x/onclick=alert(1)>x</x>",
    "<b <script>alert(1)</script>0",
    "<plaintext><script>",
    "<textarea></textarea><script>alert(1)</script>",
    "<title><img src=x onerror=alert(1)></title>",
    "<select><style></select><img src=x onerror=alert(1)></style>",
    "<textarea><style></textarea><img src=x onerror=alert(1)></style>",
    "<noscript><!-- </noscript><img src=x onerror=alert(1)> -->",
]
PIECES = (
    "<b>", "</b>", "<p>", "</p>", "<div>", "</div>", "<table>", "<tr>", "<td>", "</table>", "<a href=x>", "</a>",
    "<li>", "<ul>", "</ul>", "text", "<", ">", "&", "<!--", "-->", "<style>", "</style>", "<x y='", "'>", "<br/>",
    "\n", "<svg>", "<xmp>", "</xmp>",
)  # fmt: skip
BOMBS = (
    "<div>", "<ul><li>", "<b>", "<a><b>", "<p><font size=1>", "<table>", "<table><tr><td>", "<svg><math>", "</p>",
    "<", "&", "&amp;", "<!--", "<!", "<a b='", "</", "<blockquote>", "<table><b>", "<select>", "<dl><dd>", "<i></b>",
    "<table>x", "<p style='a:b;'>", "<img src=//x>", "a&b", "<blockquote type=cite>", "<script>", "<title>", "\x00",
    "<textarea>", "<xmp></xmp>", "<noscript><style></noscript>",
)  # fmt: skip


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("normalized", [False, True])
def test_nothing_that_runs_loads_or_leaves_its_box_survives(probe: str, normalized: bool) -> None:
    safe, _, _ = markup.sanitize(normalize(probe) if normalized else probe)
    values_hidden = re.sub(r' (?:title|alt|href|data-remote-src)="[^"]*"', "", safe)
    assert not HARMFUL.search(values_hidden), safe
    assert not re.search(r'href="(?!https?:|mailto:|tel:|cid:)', safe), safe


def test_remote_pictures_are_counted_and_their_addresses_kept_apart() -> None:
    safe, remote, _ = markup.sanitize(
        '<img src="https://x.example/a?b=1&amp;c=2"><img src=cid:y><img alt=z>'
    )
    assert (
        safe
        == '<img data-remote-src="https://x.example/a?b=1&amp;c=2"><img src="cid:y"><img alt="z">'
    )
    assert remote == 1


def test_words_that_look_like_markup_stay_words() -> None:
    safe, remote, _ = markup.sanitize(
        '<p title="<img src=&quot;http://x&quot;>">&lt;img src="http://x"&gt; style="url(x)"</p>'
    )
    assert '&lt;img src="http://x"&gt; style="url(x)"' in safe
    assert remote == 0


def test_pictures_within_the_html_become_files() -> None:
    html, pictures = markup.lift_pictures(
        "<img src='data:image/PNG;base64,iVBO\nRw0K'><img src=data:image/jpg;base64,/9j/>", 0
    )
    assert html == "<img src='cid:data-1'><img src=cid:data-2>"
    assert [
        (picture.content_id, picture.content_type, picture.content) for picture in pictures
    ] == [
        ("data-1", "image/png", b"\x89PNG\r\n"),
        ("data-2", "image/jpeg", b"\xff\xd8\xff"),
    ]


def test_svg_pictures_within_the_html_are_left_out() -> None:
    html, pictures = markup.lift_pictures("<img src='data:image/svg+xml;base64,AAAA'>", 0)
    assert pictures == []
    assert markup.sanitize(html)[0] == "<img>"


class TestNormalizing:
    def test_ordinary_html_reads_the_same_normalized(self) -> None:
        html = (
            "<html><head><style>p{}</style></head><body><p>Za&#380;ó<b>ł</b>ć<p>b<ul><li>x<li>y</ul>"
            "<table><tr><td>1<td>2<tr><td>3</table><a href='https://x.example/?a=1&b=2'>l</a> 1 < 2 &amp; 3</body>"
        )
        plain, _, _ = markup.sanitize(html)
        normalized, _, _ = markup.sanitize(normalize(html))
        assert to_text(normalized) == to_text(plain)
        assert normalized == plain

    def test_what_it_gives_is_properly_closed(self) -> None:
        for probe in (
            "<b><i>x</b>y</i>",
            "<p><div>x",
            "</p></div>",
            "<td>x</td>",
            "<table><b>x",
            "<li><li>",
            "<a><a>x",
        ):
            assert _is_nested(normalize(probe)), normalize(probe)

    @given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
    @settings(max_examples=200, deadline=None)
    def test_any_html_becomes_properly_closed_and_stays_as_it_is(self, html: str) -> None:
        normalized = normalize(html)
        assert _is_nested(normalized)
        assert normalize(normalized) == normalized
        to_text(markup.sanitize(normalized)[0])

    @pytest.mark.parametrize("unit", BOMBS)
    def test_a_bomb_of_200_kb_does_no_harm(self, unit: str) -> None:
        html = unit * (200_000 // len(unit))
        assert needs_normalizing(html)
        _takes_less_than_five_seconds(html)

    @pytest.mark.parametrize(
        "html",
        [
            "<p " + " ".join(f"a{index}=1" for index in range(15_000)) + ">x",
            "<p>" + "".join(f"<font size={index}>" for index in range(1000)) + "</p><p>x" * 4000,
            "<p>" + "<b><i><u>" * 14 + "<div>x</div>" * 5000,
            "<div>" * 5900,
            "<ul><li>" * 2900,
            "&" * 149_000,
        ],
    )
    def test_a_bomb_below_the_size_limits_does_no_harm(self, html: str) -> None:
        _takes_less_than_five_seconds(html)


def _takes_less_than_five_seconds(html: str) -> None:
    started = time.process_time()
    safe, _, _ = markup.sanitize(html)
    to_text(safe)
    assert time.process_time() - started < 5.0


def _is_nested(html: str) -> bool:
    stack: list[str] = []
    for end, name in re.findall(r"<(/?)([a-z0-9]+)[^<>]*>", html):
        if end:
            if not stack or stack.pop() != name:
                return False
        elif name not in ("br", "hr", "img", "wbr", "col"):
            stack.append(name)
    return not stack
