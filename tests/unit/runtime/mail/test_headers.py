"""Header blocks, encoded words, addresses, Message-IDs and dates, as the router and the case writer
read them.
"""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.runtime.mail.addresses import MAX_ADDRESSES
from services.runtime.mail.charsets import decode
from services.runtime.mail.dates import parse_date
from services.runtime.mail.headers import MAX_MESSAGE_IDS, Address, MailHeaders
from services.runtime.mail.words import header_text

BYTES_OF_MAIL = st.lists(
    st.sampled_from(
        [
            *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"Subject", b"From", b"=?utf-8?Q?", b"?=", b"=C5", b"\x82"),
            *(b"<a@b>", b'"', b"(", b")", b",", b";", b"\\", b"\0", b"\xc5", b"\x1b$B", b"x", b"@", b"2026", b"+0100"),
        ]
    ),
    max_size=60,
).map(b"".join)  # fmt: skip


class TestTheBlock:
    @pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r\r\n", b"\r"])
    def test_ends_at_the_first_blank_line_whatever_ends_the_lines(self, ends: bytes) -> None:
        raw = ends.join([b"Subject: one", b"To: a@b.example", b"", b"body", b"", b"Subject: two"])
        headers = MailHeaders.parse(raw)
        assert list(headers) == ["subject", "to"]
        assert raw[headers.body_start :].startswith(b"body")

    def test_ends_at_a_blank_line_of_the_other_kind(self) -> None:
        raw = b"Subject: one\r\nTo: a@b.example\r\n\nbody"
        assert raw[MailHeaders.parse(raw).body_start :] == b"body"

    def test_is_looked_up_without_regard_to_case(self) -> None:
        headers = MailHeaders.parse(b"SUBJECT: x\nsubject: y\n\n")
        assert headers.text("Subject") == "x"
        assert headers.texts("sUbJeCt") == ["x", "y"]
        assert "SUBJECT" in headers
        assert "To" not in headers

    def test_gives_none_and_nothing_for_what_is_absent(self) -> None:
        headers = MailHeaders.parse(b"\n")
        assert headers.text("Subject") is None
        assert headers.raw("Subject") is None
        assert headers.texts("Subject") == []
        assert headers.addresses("From") == []
        assert headers.message_ids("References") == []
        assert headers.date() is None

    def test_keeps_a_body_that_no_blank_line_introduces(self) -> None:
        raw = b"Subject: x\nTo: a@b.example\nHere the text begins.\n\nSecond paragraph"
        headers = MailHeaders.parse(raw)
        assert list(headers) == ["subject", "to"]
        assert raw[headers.body_start :] == b"Here the text begins.\n\nSecond paragraph"

    def test_continues_after_a_line_that_is_not_a_field(self) -> None:
        raw = b"Subject: x\n*** scanned ***\nTo: a@b.example\n\nbody"
        headers = MailHeaders.parse(raw)
        assert list(headers) == ["subject", "to"]
        assert raw[headers.body_start :] == b"body"

    def test_begins_after_an_mbox_line_a_byte_order_mark_and_blank_lines(self) -> None:
        for before in (
            b"From jan@x.example Mon Nov 23\n",
            b"\xef\xbb\xbf",
            b"\r\n\r\n",
            b"\n>From x\r\n",
        ):
            assert MailHeaders.parse(before + b"Subject: x\n\nbody").text("Subject") == "x"

    @pytest.mark.parametrize("before", [b"\n", b"\r\n\r\n", b"\xef\xbb\xbf\n", b"Hello all,\n"])
    def test_without_a_known_field_is_text_after_blank_lines_or_other_words(
        self, before: bytes
    ) -> None:
        raw = before + b"Invoice: 17\nAmount: 12 EUR\n\nPlease pay."
        headers = MailHeaders.parse(raw)
        assert list(headers) == []
        assert headers.uncertain
        assert raw[headers.body_start :].endswith(b"Invoice: 17\nAmount: 12 EUR\n\nPlease pay.")

    def test_is_no_mbox_line_if_no_known_field_follows(self) -> None:
        raw = b"From the beginning we said:\nno.\n\nAnna"
        assert MailHeaders.parse(raw).body_start == 0

    @pytest.mark.parametrize(
        ("raw", "malformed", "uncertain"),
        [
            (b"Subject: x\nFrom : a@b.example\n\n", False, False),
            (b"Subject: x\nno field\nTo: a@b.example\n\n", True, False),
            (b"From: a@b.example\r\nSubject: x\r\n \r\nX-A: b\r\n\r\n", False, False),
            (b"From: a@b.example\n \nSubject: x\n\n", False, False),
            (b"Subject: x\n\t\nFROM: a@b.example\n\n", True, False),
            (b"From: Anna\n \n <a@b.example>\n\n", True, False),
            (b"From: a@b.example\n \nAuthentication-Results: mx; dmarc=pass\n\n", True, False),
            (b"Subject: x\n\n", False, False),
            (b"\nSubject: x\n\n", False, True),
            (b"\nFrom: a@b.example\nDate: x\n\n", False, False),
            (b"Amount: 12\n\n", False, True),
        ],
    )
    def test_tells_what_makes_it_doubtful(
        self, raw: bytes, malformed: bool, uncertain: bool
    ) -> None:
        headers = MailHeaders.parse(raw)
        assert (headers.malformed, headers.uncertain) == (malformed, uncertain)

    def test_is_bounded_and_its_body_is_found_beyond_the_bound(self) -> None:
        raw = b"Subject: first\n" + b"X-Pad: p\n" * 1000 + b"To: last@x.example\n\nbody"
        headers = MailHeaders.parse(raw, max_bytes=500)
        assert headers.shortened
        assert headers.text("Subject") == "first"
        assert headers.text("To") is None
        assert raw[headers.body_start :] == b"body"

    def test_within_its_bound_is_not_shortened(self) -> None:
        assert not MailHeaders.parse(b"Subject: x\n\n" + b"b" * 10_000, max_bytes=500).shortened

    def test_gives_raw_values_folded_and_unchanged(self) -> None:
        assert MailHeaders.parse(b"X: a\r\n b\r\n\r\n").raw("X") == b"a\r\n b"


class TestText:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (b"plain", "plain"),
            (b"folded\r\n  once\r\n\ttwice", "folded once twice"),
            (b"=?utf-8?Q?Za=C5?= =?utf-8?Q?=82=C4=85cznik?=", "Załącznik"),
            (b"=?UTF-8?b?xYLDs2TFug==?=", "łódź"),
            (b"a =?utf-8?q?b?= c =?utf-8?q?d?=\r\n =?utf-8?q?e?= f", "a b c de f"),
            (b"=?utf-8?q?a?= =?iso-8859-1?q?=E4?=", "aä"),
            (b"(=?utf-8?q?a?=)", "(a)"),
            (b"=?utf-8?q?a=5Fb_c?=", "a_b c"),
            (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
            (b"=?utf-8?q?", "=?utf-8?q?"),
            ("Zażółć".encode("cp1250"), "Zażółć"),
            ("Zażółć".encode("iso8859-2") + " gęślą".encode("iso8859-2"), "Zażółć gęślą"),
            (b"=?utf-8?q?a=0D=0ABcc:_b?=", "a Bcc: b"),
            (b"nul\0within", "nul within"),
            ("zero\u200bwidth stays".encode(), "zero\u200bwidth stays"),
        ],
    )
    def test_is_one_decoded_line(self, raw: bytes, text: str) -> None:
        assert header_text(raw) == text

    def test_does_not_split_an_encoded_word_between_plain_words(self) -> None:
        assert header_text(b"x=?utf-8?q?y?=z") == "xyz"


class TestAddresses:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (b"jan@x.example", [("", "jan@x.example")]),
            (b"Jan <jan@X.Example>", [("Jan", "jan@x.example")]),
            (b'"Kowalski, Jan" <jan@x.example>', [("Kowalski, Jan", "jan@x.example")]),
            (b"jan@bank.example <evil@z.example>", [("jan@bank.example", "evil@z.example")]),
            (b'"<jan@bank.example>" <evil@z.example>', [("<jan@bank.example>", "evil@z.example")]),
            (b"a@x.example, b@x.example; c@x.example", [("", "a@x.example"), ("", "b@x.example"), ("", "c@x.example")]),
            (b"<a@x.example> <b@x.example>", [("", "a@x.example"), ("", "b@x.example")]),
            (b"a@x.example (Jan (senior) K)", [("Jan (senior) K", "a@x.example")]),
            (b"Team: a@x.example, B <b@x.example>;, c@x.example", [("", "a@x.example"), ("B", "b@x.example"),
                                                                  ("", "c@x.example")]),
            (b"undisclosed-recipients:;", []),
            (b"", []),
            (b"<>", []),
            (b"Jan", [("Jan", "")]),
            (b"jan @ x.example", [("", "jan@x.example")]),
            (b"<@relay.example:jan@x.example>", [("", "jan@x.example")]),
            (b"Jan <@a.example,@b.example:jan@x.example>", [("Jan", "jan@x.example")]),
            (b"Jan <a@x.example, b@y.example>", [("Jan", "a@x.example"), ("", "b@y.example")]),
            (b"Jan (office) K <jan@x.example>", [("Jan K", "jan@x.example")]),
            ("Jan\u200b <jan@x.example>".encode(), [("Jan", "jan@x.example")]),
            (b'"a b"@x.example', [("", '"a b"@x.example')]),
            (b'"jan"@x.example', [("", "jan@x.example")]),
            (b"=?utf-8?Q?Kowalski=2C_Jan?= <j@x.example>", [("Kowalski, Jan", "j@x.example")]),
            (b"mailto:jan@x.example", [("", "jan@x.example")]),
            (b"Jan <jan@x.example", [("Jan", "jan@x.example")]),
            (b"<@>", [("@", "")]),
        ],
    )  # fmt: skip
    def test_are_read_as_programs_write_them(
        self, raw: bytes, expected: list[tuple[str, str]]
    ) -> None:
        headers = MailHeaders.parse(b"To: " + raw + b"\n\n")
        assert headers.addresses("to") == [Address(name, address) for name, address in expected]

    def test_of_several_fields_come_in_the_order_asked(self) -> None:
        headers = MailHeaders.parse(b"Cc: c@x.example\nTo: a@x.example\nTo: b@x.example\n\n")
        assert [address.address for address in headers.addresses("To", "Cc")] == [
            "a@x.example",
            "b@x.example",
            "c@x.example",
        ]

    def test_are_bounded_in_number(self) -> None:
        headers = MailHeaders.parse(b"To: " + b"a@x.example," * 5000 + b"\n\n")
        assert len(headers.addresses("To")) == MAX_ADDRESSES

    def test_carry_no_characters_that_only_change_how_they_look(self) -> None:
        headers = MailHeaders.parse("To: Jan \u202eX <j\u200ban@x.example>\n\n".encode())
        assert headers.addresses("To") == [Address("Jan X", "jan@x.example")]


class TestMessageIds:
    def test_come_in_order_without_repeats(self) -> None:
        headers = MailHeaders.parse(b"In-Reply-To: <c@x>\nReferences: <a@x>\n <b@x> <c@x>\n\n")
        assert headers.message_ids("In-Reply-To", "References") == ["<c@x>", "<a@x>", "<b@x>"]

    def test_of_a_long_field_are_the_last_ones(self) -> None:
        headers = MailHeaders.parse(
            b"References: " + b"".join(b"<%d@x>\n " % index for index in range(500)) + b"\n\n"
        )
        assert headers.message_ids("References") == [
            f"<{index}@x>" for index in range(500 - MAX_MESSAGE_IDS, 500)
        ]

    def test_ids_folded_within_or_without_brackets_are_repaired(self) -> None:
        assert MailHeaders.parse(b"References: <a@x\n y>\n\n").message_ids("References") == [
            "<a@xy>"
        ]
        assert MailHeaders.parse(b"References: a@x\n\n").message_ids("References") == ["<a@x>"]

    def test_longer_than_a_line_are_none(self) -> None:
        assert (
            MailHeaders.parse(b"References: <" + b"a" * 2000 + b"@x>\n\n").message_ids("References")
            == []
        )


class TestDates:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Mon, 23 Nov 2026 10:11:12 +0100", datetime(2026, 11, 23, 9, 11, 12, tzinfo=UTC)),
            ("23 Nov 2026 10:11 -0530", datetime(2026, 11, 23, 15, 41, tzinfo=UTC)),
            (
                "Mon, 23 Nov 2026 23:59:60 +0000 (leap second)",
                datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC),
            ),
            ("Mon Nov 23 10:11:12 2026", datetime(2026, 11, 23, 10, 11, 12, tzinfo=UTC)),
            ("23-Nov-26 10:11:12 GMT", datetime(2026, 11, 23, 10, 11, 12, tzinfo=UTC)),
            ("2026-11-23T10:11:12+01:00", datetime(2026, 11, 23, 9, 11, 12, tzinfo=UTC)),
            ("Mon, 31 Feb 2026 10:11:12 +0100", None),
            ("Thu, 1 Jan 1903 00:00:00 +0000", None),
            ("Mon, 23 Nov 2026 10:11:12 +9900", None),
            ("Fri, 31 Dec 9999 23:59:59 -1200", None),
            ("yesterday", None),
            ("", None),
        ],
    )
    def test_are_aware_utc_or_nothing(self, text: str, expected: datetime | None) -> None:
        assert parse_date(text) == expected


class TestCharsets:
    def test_a_true_declaration_is_no_repair(self) -> None:
        for charset in ("utf-8", "iso-8859-2", "windows-1250", "koi8-r", "utf-16"):
            text = "Привет" if charset == "koi8-r" else "Zażółć gęślą jaźń"
            assert decode(text.encode(charset), charset) == (text, False)

    def test_names_of_no_charset_are_never_looked_up(self) -> None:
        for name in (
            "idna",
            "base64",
            "rot13",
            "../x",
            "utf-8\0",
            "mbcs",
            "unicode_escape",
            "x" * 5000,
        ):
            text, repaired = decode(b"a\\u0041", name)
            assert (text, repaired) == ("a\\u0041", True)

    @given(
        st.binary(max_size=200),
        st.sampled_from(["utf-8", "utf-7", "utf-16", "iso-2022-jp", "hz", "gb2312", "big5", None]),
    )
    @settings(max_examples=100, deadline=None)
    def test_any_bytes_give_encodable_text(self, data: bytes, charset: str | None) -> None:
        decode(data, charset)[0].encode()


def test_a_last_field_without_its_line_end_leaves_an_empty_body() -> None:
    assert MailHeaders.parse(b"Subject :").body_start == 9


@given(BYTES_OF_MAIL | st.binary(max_size=300))
@example(b"Subject :")
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_values(raw: bytes) -> None:
    headers = MailHeaders.parse(raw)
    assert 0 <= headers.body_start <= len(raw)
    headers.date()
    for name in (*headers, "subject"):
        for text in (*headers.texts(name), *headers.message_ids(name)):
            text.encode()
            assert len(text.splitlines()) <= 1
        for address in headers.addresses(name):
            assert address.name or address.address
            (address.name + address.address).encode()


@pytest.mark.parametrize(
    "bomb",
    [
        *(b" ", b"\t", b'"', b'\\"', b"(", b"<", b" @", b"a@", b",a@b", b"=?", b"=?a?q?", b"=?a?q?x"),
        *(b"=?utf-8?b?=?= ", b"\r ", b"x\n ", b"\x80", b"$B", b"<a@b>", b";", b"?", b"=", b"'"),
    ],
)  # fmt: skip
def test_a_field_of_100_kb_is_read_within_five_seconds(bomb: bytes) -> None:
    headers = MailHeaders.parse(b"X: a" + bomb * (100_000 // len(bomb)) + b"\nSubject: after\n\n")
    started = time.process_time()
    headers.text("x")
    headers.addresses("x")
    headers.message_ids("x")
    headers.date("x")
    assert time.process_time() - started < 5.0
