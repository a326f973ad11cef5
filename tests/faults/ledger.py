"""What was sent, and what became of it: after a fault nothing may be lost, doubled, in a wrong
case, or torn.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from schemas.mails import mail_key
from tests.pipeline import Document, Pipeline
from tests.sample_mails import Sample


@dataclass
class Ledger:
    """Mails of one mailbox by their keys; those that answer a case with its number."""

    pipeline: Pipeline
    mailbox: str = "invoices"
    samples: dict[str, Sample] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)

    def send(self, samples: list[Sample], cases: list[int] | None = None) -> None:
        """Note mails and deliver them; where `cases` are given, sample n answers `cases[n %
        len(cases)]`.
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
        """Wait until all is recorded and out of the mailbox."""
        self.pipeline.until_recorded(len(self), patience_s)
        self.pipeline.until_empty(self.mailbox, patience_s)

    def faults(self) -> dict[str, list[str]]:
        """What is wrong, by kind; all empty where all is well."""
        database = self.pipeline.database
        mails = {document["_id"]: document for document in database["mails"].find()}
        comments = {document["_id"]: document for document in database["comments"].find()}
        cases = {document["_id"]: document for document in database["cases"].find()}
        known = self.samples.keys()
        return {
            "lost": sorted(known - (mails.keys() & comments.keys())),
            "doubled": sorted((mails.keys() | comments.keys()) - known) + _uneven(cases, comments),
            "wrong case": [
                key
                for key in known & mails.keys() & comments.keys()
                if self._astray(key, mails, comments)
            ],
            "torn": [key for key in known & comments.keys() if self._torn(key, comments[key])],
            "gaps": []
            if sorted(cases) == list(range(1, len(cases) + 1))
            else [f"{len(cases)} up to {max(cases)}"],
        }

    def assert_all_is_well(self) -> None:
        found = {kind: wrong for kind, wrong in self.faults().items() if wrong}
        assert not found, {kind: (len(wrong), wrong[:5]) for kind, wrong in found.items()}

    def _astray(self, key: str, mails: dict[str, Document], comments: dict[str, Document]) -> bool:
        expected = self.answered.get(key)
        outcome = "opened" if expected is None else "appended"
        case = mails[key]["case"]
        return (
            mails[key]["outcome"] != outcome
            or comments[key]["case"] != case
            or expected not in (None, case)
        )

    def _torn(self, key: str, comment: Document) -> bool:
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


def _uneven(cases: dict[int, Document], comments: dict[str, Document]) -> list[str]:
    """Cases whose count of comments is another than there are, or that no comment belongs to."""
    counts = Counter(comment["case"] for comment in comments.values())
    return [
        f"case {number}"
        for number, case in cases.items()
        if case["comment_count"] != counts[number]
    ]
