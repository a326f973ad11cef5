"""The expected values of the demo's invoices."""

from collections.abc import Sequence

from schemas.flags import CaseFlag
from services.cli.demo import mails
from services.cli.demo.invoices import PAPER, POSTERS, PRINTING
from services.runtime.errors import PermanentError
from services.runtime.store.collection import Document

_INVOICES = {
    mails.POLISH_INVOICE: PRINTING,
    mails.SENT_TWICE: PRINTING,
    mails.ANSWERED_SUBJECT: PAPER,
    mails.ACCOUNT_CHANGED: POSTERS,
}
_FLAGS = {
    mails.POLISH_INVOICE: [CaseFlag.DUPLICATE_OF],
    mails.SENT_TWICE: [CaseFlag.DUPLICATE_OF],
    mails.ANSWERED_SUBJECT: [],
    mails.ACCOUNT_CHANGED: [CaseFlag.ACCOUNT_CHANGED],
}


def check_fields(cases: Sequence[Document]) -> None:
    """Raise PermanentError unless values, links and flags are as expected."""
    by_title = {case["title"]: case for case in cases}
    for title, invoice in _INVOICES.items():
        case = by_title[title]
        found = {name: value["value"] for name, value in case["fields"].items()}
        wanted = {
            "number": invoice.number,
            "gross": f"{invoice.gross} {invoice.currency}",
            "due": invoice.due.isoformat(),
            "account": invoice.account,
        }
        wrong = {name: found.get(name) for name in wanted if found.get(name) != wanted[name]}
        if wrong or case["flags"] != _FLAGS[title]:
            raise PermanentError(
                f"case {case['_id']}, {title!r}: {wrong or 'no field'} and flags {case['flags']} "
                "are not as expected"
            )
    first, second = by_title[mails.POLISH_INVOICE], by_title[mails.SENT_TWICE]
    if [link["case"] for link in second["links"]] != [first["_id"]]:
        raise PermanentError(f"case {second['_id']} is not linked to case {first['_id']}")
