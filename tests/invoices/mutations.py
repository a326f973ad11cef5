"""The same invoice as other programs might write it. No mutation changes what the invoice states.

Each mutation takes and returns the XML as text. `Written` has what an encoding adds.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.invoices.documents import FORMATS, KINDS, Document, markup
from tests.invoices.facts import Facts, random_facts

_LEAF = re.compile(r"(<([\w.:-]+)(?:\s[^<>]*)?>)([^<>&]+)(</\2>)")
_START = re.compile(r"<([A-Za-z][\w.:-]*)((?:\s+[\w.:-]+=\"[^\"<>]*\")+)(/?)>")
_ATTRIBUTE = re.compile(r"([\w.:-]+)=\"([^\"]*)\"")
_AMOUNT = re.compile(r"(?<=>)(-?)(\d+)\.(\d\d)(?=<)")
_DATE = re.compile(r"(?<=>)(\d{4}-\d\d-\d\d)(?=<)")
Mutation = Callable[[str, random.Random], str]


def _each_leaf(text: str, random_: random.Random, change: Callable[[str], str]) -> str:
    """Change every third value on average, except KSeF codes that contain a space."""

    def changed(match: re.Match[str]) -> str:
        is_code = match[2].rpartition(":")[2] == "P_12"
        content = change(match[3]) if random_.random() < 0.3 and not is_code else match[3]
        return f"{match[1]}{content}{match[4]}"

    return _LEAF.sub(changed, text)


def comments_in_values(text: str, random_: random.Random) -> str:
    def change(value: str) -> str:
        at = random_.randrange(len(value) + 1)
        return f"{value[:at]}<!-- <P_2>0</P_2> -->{value[at:]}<?target 666?>"

    return _each_leaf(text, random_, change)


def cdata(text: str, random_: random.Random) -> str:
    def change(value: str) -> str:
        if not value.isascii():
            return value  # an encoding that lacks a letter refers to it, which CDATA cannot
        at = random_.randrange(len(value) + 1)
        return f"{value[:at]}<![CDATA[{value[at:]}]]>"

    return _each_leaf(text, random_, change)


def character_references(text: str, random_: random.Random) -> str:
    def change(value: str) -> str:
        forms = ("&#{};", "&#x{:x};", "&#x{:04X};")
        return "".join(
            random_.choice(forms).format(ord(character)) if random_.random() < 0.3 else character
            for character in value
        )

    return _each_leaf(text, random_, change)


def blanks_around_values(text: str, random_: random.Random) -> str:
    blanks = ("\n", "\r\n\t", "  ", "\t")

    def change(value: str) -> str:
        return random_.choice(blanks) + value + random_.choice(blanks)

    return _each_leaf(text, random_, change)


def line_breaks_in_values(text: str, random_: random.Random) -> str:
    def change(value: str) -> str:
        return value.replace(" ", random_.choice(("\n", "\r\n\t ", "   ")))

    return _each_leaf(text, random_, change)


def attributes_in_another_order(text: str, random_: random.Random) -> str:
    def change(match: re.Match[str]) -> str:
        pairs = _ATTRIBUTE.findall(match[2])
        random_.shuffle(pairs)
        written = []
        for name, value in pairs:
            quote = random_.choice("\"'") if "'" not in value else '"'
            written.append(f"{name}{random_.choice(('', ' '))}={quote}{value}{quote}")
        blank = random_.choice((" ", "\n\t"))
        return f"<{match[1]}{blank}{blank.join(written)} {match[3]}>"

    return _START.sub(change, text)


def blanks_in_tags(text: str, random_: random.Random) -> str:
    blank = random_.choice((" ", "\n", "\t"))
    return re.sub(r"</([\w.:-]+)>", rf"</\1{blank}>", text)


def other_prefixes(text: str, random_: random.Random) -> str:
    """Rename each prefix, and give one to names without any."""
    known = dict.fromkeys(re.findall(r"xmlns:([\w.-]+)=", text))
    names = random_.sample(("_", "a.b", "n-1", "cbc2", "ż", "Faktura", "x1"), k=len(known) + 1)
    if re.search(r"\sxmlns=", text):
        text = re.sub(r"(</?)(?=[A-Za-z]\w*[\s/>])", rf"\1{names[-1]}:", text)
        text = re.sub(r"(\s)xmlns=", rf"\1xmlns:{names[-1]}=", text)
    for prefix, name in zip(known, names, strict=False):
        text = re.sub(rf"(</?|xmlns:){re.escape(prefix)}(?=[:=])", rf"\1{name}-new", text)
    return text


def numbers_in_another_form(text: str, random_: random.Random) -> str:
    """Other forms of a number that xs:decimal allows."""

    def change(match: re.Match[str]) -> str:
        sign, whole, cents = match.groups()
        forms = [f"{sign}000{whole}.{cents}", f"{sign}{whole}.{cents}000"]
        forms += [f"+{whole}.{cents}"] if not sign else []
        forms += [f"{sign}{whole}"] if cents == "00" else []
        forms += [f"{sign}{whole}.{cents[0]}"] if cents[1] == "0" else []
        return random_.choice(forms)

    return _AMOUNT.sub(change, text)


def time_zones(text: str, random_: random.Random) -> str:
    """Time zones, which xs:date allows; the day stays the same."""
    zones = ("", "Z", "+01:00", "-11:00", "+14:00")
    return _DATE.sub(lambda match: match[1] + random_.choice(zones), text)


def an_invoice_in_an_extension(text: str, random_: random.Random) -> str:
    """UBL allows any XML before the invoice itself, even another invoice."""
    inner = re.sub(r"(<cbc:ID[^>]*>)[^<]*", r"\g<1>666", text)
    inner = _AMOUNT.sub("666.00", inner)
    namespace = "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2"
    extension = (
        f'<e:UBLExtensions xmlns:e="{namespace}"><e:UBLExtension><e:ExtensionContent>{inner}'
        "</e:ExtensionContent></e:UBLExtension></e:UBLExtensions>"
    )
    return re.sub(r"^(<[^>]+>)", lambda match: match[1] + extension, text)


def totals_in_another_order(text: str, random_: random.Random) -> str:
    """The tax in the accounting currency before that in the document's currency."""
    text = re.sub(
        r"(<cac:TaxTotal>(?:(?!</cac:TaxTotal>).)*</cac:TaxTotal>)(<cac:TaxTotal>.*?</cac:TaxTotal>)",
        r"\2\1", text, flags=re.DOTALL,
    )  # fmt: skip
    return re.sub(
        r"(<ram:TaxTotalAmount[^>]*>[^<]*</ram:TaxTotalAmount>)(<ram:TaxTotalAmount[^>]*>[^<]*</ram:TaxTotalAmount>)",
        r"\2\1", text,
    )  # fmt: skip


_ANY: tuple[Mutation, ...] = (
    other_prefixes, comments_in_values, cdata, character_references, blanks_around_values,
    line_breaks_in_values, attributes_in_another_order, blanks_in_tags,
)  # fmt: skip
# What a format alone allows; they go first, since they look for what the others change.
_OF_FORMAT: dict[str, tuple[Mutation, ...]] = {
    "ubl-invoice": (
        totals_in_another_order, numbers_in_another_form, time_zones, an_invoice_in_an_extension,
    ),
    "ubl-credit-note": (totals_in_another_order, numbers_in_another_form, time_zones),
    "cii": (totals_in_another_order, numbers_in_another_form),
}  # fmt: skip
ENCODINGS = (
    ("utf-8", "UTF-8"), ("utf-8", None), ("utf-8-sig", "utf-8"), ("utf-16", "UTF-16"),
    ("utf-16", None), ("iso-8859-2", "ISO-8859-2"), ("cp1250", "windows-1250"),
)  # fmt: skip


@dataclass(frozen=True)
class Mutated:
    """A document, and the names of its mutations."""

    document: Document
    mutations: tuple[str, ...]


def mutated(count: int, seed: int = 29) -> Iterator[Mutated]:
    """Invoices in all formats in turn, each with its own mutations."""
    random_ = random.Random(seed)
    for position in range(count):
        format_ = FORMATS[position % len(FORMATS)]
        facts = _facts(format_, random_)
        text, done = markup(facts, format_), []
        chosen = [*_OF_FORMAT.get(format_, ()), *_ANY]
        for mutation in [one for one in chosen if random_.random() < 0.5]:
            text = mutation(text, random_)
            done.append(mutation.__name__)
        encoding, declared = random_.choice(ENCODINGS)
        done.append(f"{encoding} declared {declared}")
        data = _encoded(text, encoding, declared)
        yield Mutated(
            Document("a.xml", "text/xml", data, data, format_, facts), (f"{position}", *done)
        )


def _facts(format_: str, random_: random.Random) -> Facts:
    """Facts with huge sums and negative credit notes among them."""
    facts = random_facts(random_, kind=random_.choice(KINDS[format_]))
    factor = random_.choice((1, 1, 1, 10**9, -1 if facts.kind == "credit" else 1))
    return replace(facts, lines=tuple(replace(line, net=line.net * factor) for line in facts.lines))


def _encoded(text: str, encoding: str, declared: str | None) -> bytes:
    head = f"<?xml version=\"1.0\"  encoding='{declared}'?>" if declared else ""
    return (head + "\n" * bool(head) + text).encode(encoding, "xmlcharrefreplace")
