"""The XML reader: elements are taken by namespace and name; dangerous constructs are refused."""

import pytest

from services.extractor.reading.xml_reader import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_ELEMENTS,
    DoctypeRefusedError,
    Pattern,
    UnknownRootError,
    XmlDamagedError,
    XmlLimitError,
    XmlRefusedError,
    read_xml,
)

NAMESPACES = {"": "urn:a", "b": "urn:b"}
ROOTS = {"urn:a Root": Pattern.of("Number Party/b:Name Line/Price", NAMESPACES)}


def texts(data: bytes, path: str) -> list[tuple[str, str]]:
    _, root = read_xml(data, ROOTS)
    return [(element.path, element.text) for element in root.all(path)]


def test_elements_are_found_by_namespace_whatever_their_prefix() -> None:
    data = (
        b'<x:Root xmlns:x="urn:a" xmlns="urn:b"><Number>wrong</Number><x:Number>7</x:Number>'
        b"<x:Party><Name>Anna</Name></x:Party></x:Root>"
    )
    assert texts(data, "Number") == [("/Root/Number", "7")]
    assert texts(data, "Party/Name") == [("/Root/Party/Name", "Anna")]


def test_repeated_elements_have_positions_in_their_paths() -> None:
    data = b'<Root xmlns="urn:a"><Line><Price>1</Price></Line><Line><Price>2</Price></Line></Root>'
    assert texts(data, "Line/Price") == [
        ("/Root/Line[1]/Price", "1"),
        ("/Root/Line[2]/Price", "2"),
    ]


def test_an_element_elsewhere_in_the_tree_does_not_count() -> None:
    data = b'<Root xmlns="urn:a"><Other><Number>1</Number><Root/></Other><Number>2</Number></Root>'
    assert texts(data, "Number") == [("/Root/Number", "2")]


@pytest.mark.parametrize("inner", ["<!-- c -->", "<?p i?>", "<![CDATA[]]>", "<!-- <b> --><?p?>"])
def test_comments_and_instructions_are_no_part_of_a_value(inner: str) -> None:
    data = f'<Root xmlns="urn:a"><Number>1{inner}2</Number></Root>'.encode()
    _, root = read_xml(data, ROOTS)
    assert [(number.text, number.is_divided) for number in root.all("Number")] == [("12", False)]


def test_a_value_with_an_element_in_it_is_marked_since_programs_differ_in_reading_it() -> None:
    data = b'<Root xmlns="urn:a"><Number>1<b>0</b>2</Number></Root>'
    _, root = read_xml(data, ROOTS)
    assert [element.is_divided for element in root.all("Number")] == [True]


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [("utf8", "utf-8"), ("UTF8", "utf-8-sig"), ("cp1250", "cp1250"), ("latin2", "iso-8859-2")],
)
def test_other_names_of_an_encoding_are_known(declared: str, encoding: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{declared}"?><Root xmlns="urn:a"><Number>Ż</Number></Root>'
    )
    assert texts(text.encode(encoding), "Number") == [("/Root/Number", "Ż")]


DOCTYPES = {
    "internal entity": '<!DOCTYPE Root [<!ENTITY a "9">]>',
    "external entity": '<!DOCTYPE Root [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
    "external subset": '<!DOCTYPE Root SYSTEM "http://host.test/a.dtd">',
    "parameter entity": "<!DOCTYPE Root [<!ENTITY % a \"<!ENTITY b '9'>\">%a;]>",
    "attribute default": '<!DOCTYPE Root [<!ATTLIST Number currencyID CDATA "EUR">]>',
    "empty": "<!DOCTYPE Root>",
}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1250"]
)
@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
def test_a_doctype_is_refused_in_every_encoding(doctype: str, encoding: str) -> None:
    names = {
        "utf-8-sig": "utf-8",
        "utf-16-le": "utf-16",
        "utf-16-be": "utf-16",
        "cp1250": "windows-1250",
    }
    declared = names.get(encoding, encoding)
    text = f'<?xml version="1.0" encoding="{declared}"?>{doctype}<Root xmlns="urn:a"><Number>1</Number></Root>'
    with pytest.raises(DoctypeRefusedError):
        read_xml(text.encode(encoding), ROOTS)


@pytest.mark.parametrize(
    "encoding", ["utf-7", "cp037", "unicode_escape", "rot13", "x-none", "koi8-r"]
)
def test_an_encoding_that_is_not_read_is_refused(encoding: str) -> None:
    data = f'<?xml version="1.0" encoding="{encoding}"?><Root xmlns="urn:a"/>'.encode()
    with pytest.raises(XmlDamagedError, match="encoding"):
        read_xml(data, ROOTS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-2", "windows-1250"])
def test_polish_letters_are_read_in_the_usual_encodings(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><Root xmlns="urn:a"><Number>żółć</Number></Root>'
    assert texts(text.encode(encoding), "Number") == [("/Root/Number", "żółć")]


HOSTILE = {
    "200,000 levels": b'<Root xmlns="urn:a">' + b"<a>" * 200_000,
    "levels below a wanted element": b'<Root xmlns="urn:a"><Number>' + b"<a>" * MAX_DEPTH,
    "too many bytes": b'<Root xmlns="urn:a">' + b" " * MAX_BYTES + b"</Root>",
    "too many elements": b'<Root xmlns="urn:a">' + b"<a/>" * MAX_ELEMENTS + b"</Root>",
    "a wanted element repeated": b'<Root xmlns="urn:a">' + b"<Number/>" * 50_000 + b"</Root>",
    "attributes of a wanted element": b'<Root xmlns="urn:a"><Number '
    + b" ".join(b'a%d="1"' % n for n in range(1000))
    + b"/></Root>",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_more_than_is_read_is_refused(data: bytes) -> None:
    with pytest.raises(XmlLimitError):
        read_xml(data, ROOTS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<",
        b'<Root xmlns="urn:a">',
        b'<Root xmlns="urn:a">&a;</Root>',
        b"<a:Root/>",
        b'<Root xmlns="urn:a"/><Root/>',
        b'<Root xmlns="urn:a">\xff</Root>',
    ],
)
def test_damaged_xml_gives_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(XmlDamagedError):
        read_xml(data, ROOTS)


def test_the_error_says_whether_a_wanted_root_had_begun() -> None:
    with pytest.raises(XmlRefusedError) as refused:
        read_xml(b'<Root xmlns="urn:a">&a;</Root>', ROOTS)
    assert refused.value.has_root


def test_an_unknown_root_ends_the_reading_at_once() -> None:
    with pytest.raises(UnknownRootError) as refused:
        read_xml(b'<Other xmlns="urn:a">' + b"not well-formed &", ROOTS)
    assert refused.value.root == "urn:a Other"
