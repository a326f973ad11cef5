"""Compares the mails that a test sent with the database.

After a fault, no mail may be lost, duplicated, in the wrong case, or stored incompletely.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from schemas.mails import mail_key
from tests.pipeline import Document, Pipeline
from tests.sample_mails import Sample


@dataclass
class Ledger:
    """The mails sent to one mailbox, by mail key; `answered` has the case of each reply."""

    pipeline: Pipeline
    mailbox: str = "invoices"
    samples: dict[str, Sample] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)

    def send(self, samples: list[Sample], cases: list[int] | None = None) -> None:
        """Record the mails and deliver them. With `cases`, mail n answers
        `cases[n % len(cases)]`.
        """
        for index, sample in enumerate(samples):
            key = mail_key(self.mailbox, sample.raw)
            assert key not in self.samples, "mails of the ledger must differ"
            self.samples[key] = sample
            if cases:
                self.answered[key] = cases[index % len(cases)]
        self.pipeline.append(self.mailbox, [sample.raw for sample in samples])

    def __len__(self) -> int:
        return len(self.samples)

    def settle(self, patience_s: float = 120.0) -> None:
        """Wait until all mails are recorded and removed from the mailbox."""
        self.pipeline.until_recorded(len(self), patience_s)
        self.pipeline.until_empty(self.mailbox, patience_s)

    def faults(self) -> dict[str, list[str]]:
        """The faulty mails and cases, by kind of fault; all lists are empty if there are none."""
        database = self.pipeline.database
        mails = {document["_id"]: document for document in database["mails"].find()}
        comments = {document["_id"]: document for document in database["comments"].find()}
        cases = {document["_id"]: document for document in database["cases"].find()}
        known = self.samples.keys()
        return {
            "lost": sorted(known - (mails.keys() & comments.keys())),
            "duplicated": sorted((mails.keys() | comments.keys()) - known)
            + _miscounted(cases, comments),
            "wrong case": [
                key
                for key in known & mails.keys() & comments.keys()
                if self._is_in_wrong_case(key, mails, comments)
            ],
            "incomplete": [
                key for key in known & comments.keys() if self._is_incomplete(key, comments[key])
            ],
            "gaps": []
            if sorted(cases) == list(range(1, len(cases) + 1))
            else [f"{len(cases)} up to {max(cases)}"],
        }

    def assert_no_faults(self) -> None:
        found = {kind: wrong for kind, wrong in self.faults().items() if wrong}
        assert not found, {kind: (len(wrong), wrong[:5]) for kind, wrong in found.items()}

    def _is_in_wrong_case(
        self, key: str, mails: dict[str, Document], comments: dict[str, Document]
    ) -> bool:
        expected = self.answered.get(key)
        outcome = "opened" if expected is None else "appended"
        case = mails[key]["case"]
        return (
            mails[key]["outcome"] != outcome
            or comments[key]["case"] != case
            or expected not in (None, case)
        )

    def _is_incomplete(self, key: str, comment: Document) -> bool:
        expected = {
            name: hashlib.sha256(content).hexdigest()
            for name, content in self.samples[key].attachments.items()
        }
        stored = {attachment["name"]: attachment["sha256"] for attachment in comment["attachments"]}
        return stored != expected or any(
            hashlib.sha256(self.pipeline.blob(attachment["blob"])).hexdigest()
            != attachment["sha256"]
            for attachment in comment["attachments"]
        )


def _miscounted(cases: dict[int, Document], comments: dict[str, Document]) -> list[str]:
    """Cases whose `comment_count` differs from the number of their comments."""
    counts = Counter(comment["case"] for comment in comments.values())
    return [
        f"case {number}"
        for number, case in cases.items()
        if case["comment_count"] != counts[number]
    ]
