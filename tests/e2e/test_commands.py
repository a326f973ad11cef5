"""Commands as a person runs them: in separate processes, with a running pipeline."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from schemas.mails import mail_key
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails

SPAM = b"From: prize@lottery.test\r\nSubject: You won\r\nX-Spam-Flag: YES\r\n\r\nA million, \xbf\xf3\xb3w"


def mailcase(
    pipeline: Pipeline, *arguments: str, config: bool = True
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "services.cli", *arguments]
    options = ["--config", str(pipeline.config)] if config else []
    return subprocess.run(
        command + options,
        env={**os.environ, **pipeline.env},
        capture_output=True,
        timeout=60,
        check=False,
    )


def set_spam(pipeline: Pipeline, what: str) -> None:
    text = pipeline.config.read_text().replace('spam = "park"\n', "")
    pipeline.config.write_text(
        text.replace("[process.invoices]\n", f'[process.invoices]\nspam = "{what}"\n')
    )


def test_a_parked_mail_is_listed_shown_whole_and_opens_a_case_once_the_settings_allow_it(
    pipeline: Pipeline,
) -> None:
    key = mail_key("invoices", SPAM)
    set_spam(pipeline, "park")
    pipeline.append("invoices", [SPAM])
    with pipeline.services(fetcher=1, router=1, case_writer=1):
        pipeline.until_recorded(1)
        pipeline.until_empty("invoices")
        assert b"spam" in mailcase(pipeline, "parked", "list").stdout
        assert mailcase(pipeline, "parked", "show", key[:8], "--raw").stdout == SPAM
        still = mailcase(pipeline, "parked", "retry", key[:8])
        assert (still.returncode, still.stdout.decode().split(": ")[1].strip()) == (
            0,
            "parked, spam",
        )
    set_spam(pipeline, "flag")
    with pipeline.services(router=1, case_writer=1):
        retried = mailcase(pipeline, "parked", "retry", "--all", "--reason", "spam")
    assert (retried.returncode, retried.stdout.decode().split(": ")[1].strip()) == (
        0,
        "opened, case 1",
    )
    [comment] = pipeline.database["comments"].find()
    assert comment["flags"][-1] == "spam"
    [mail] = pipeline.database["mails"].find()
    assert (mail["outcome"], mail["deliveries"]) == ("opened", 1)


def test_a_copy_by_another_route_is_ignored_and_shown_with_the_case_of_the_first(
    pipeline: Pipeline,
) -> None:
    mail = (
        b"From: anna@customer.example\r\nTo: invoices@office.example\r\nSubject: Invoice 17\r\n"
        b"Date: Wed, 04 Mar 2026 05:06:07 +0000\r\nMessage-ID: <i17@customer.example>\r\n\r\nPlease see below.\r\n"
    )
    routes = [
        b"Delivered-To: invoices@office.example\r\n",
        b"Received: from list.example by mx.example; x\r\n",
    ]
    pipeline.append("invoices", [route + mail for route in routes])
    with pipeline.services(fetcher=1, router=1, case_writer=1):
        pipeline.until_recorded(2)
        pipeline.until_empty("invoices")
    assert [case["_id"] for case in pipeline.database["cases"].find()] == [1]
    [copy] = pipeline.database["mails"].find({"outcome": "ignored"})
    assert (copy["reason"], copy["refers_to"]) == ("copy", 1)
    shown = mailcase(pipeline, "parked", "show", copy["_id"]).stdout.decode()
    assert "a copy of a mail in case 1" in shown
    assert mailcase(pipeline, "audit", "--no-archive").returncode == 0


def test_the_exact_bytes_of_any_mail_are_saved_also_of_one_that_only_the_archive_has(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    opened = b"From: anna@customer.test\r\nSubject: Invoice\r\n\r\nPlease pay \xbf\xf3\xb3w"
    doubtful = b"From: jan@customer.test\r\nno field\r\nSubject: Order\r\n\r\nTwo pallets"
    set_spam(pipeline, "park")
    pipeline.append("invoices", [SPAM, opened, doubtful])
    with pipeline.services(fetcher=1, router=1, case_writer=1):
        pipeline.until_recorded(3)
    kept = {comment["_id"]: comment["original"] for comment in pipeline.database["comments"].find()}
    assert kept[mail_key("invoices", opened)] is None
    assert kept[mail_key("invoices", doubtful)] is not None
    for raw in (SPAM, opened, doubtful):
        key = mail_key("invoices", raw)
        printed = mailcase(pipeline, "mail", "save", key[:8], "--to", "-")
        assert (printed.stdout, printed.stderr) == (raw, b"")
        saved = mailcase(pipeline, "mail", "save", key, "--to", str(tmp_path))
        assert (saved.returncode, (tmp_path / f"{key[:12]}.eml").read_bytes()) == (0, raw)
    file = tmp_path / f"{mail_key('invoices', opened)[:12]}.eml"
    again = mailcase(pipeline, "mail", "save", mail_key("invoices", opened), "--to", str(file))
    assert (again.returncode, b"exists" in again.stderr) == (1, True)
    pipeline.database["mails"].delete_many({})
    pipeline.database["comments"].delete_many({})
    assert (
        mailcase(pipeline, "mail", "save", mail_key("invoices", opened), "--to", "-").stdout
        == opened
    )
    unknown = mailcase(pipeline, "mail", "save", "0" * 12)
    assert (unknown.returncode, b"not recorded" in unknown.stderr) == (1, True)
    assert mailcase(pipeline, "mail", "save", "no-key").returncode == 2


def test_an_ignored_mail_is_shown_whole_and_opens_a_case_once_its_sender_is_denied_no_more(
    pipeline: Pipeline,
) -> None:
    allowed = pipeline.config.read_text()
    password = 'password_file = "password"\n'
    pipeline.config.write_text(
        allowed.replace(password, f'{password}deny_senders = ["@lottery.test"]\n')
    )
    pipeline.append("invoices", [SPAM])
    with pipeline.services(fetcher=1, router=1, case_writer=1):
        pipeline.until_recorded(1)
        pipeline.until_empty("invoices")
    assert mailcase(pipeline, "parked", "list", "--json").stdout == b""
    assert b"denied-sender" in mailcase(pipeline, "parked", "list", "--ignored", "--json").stdout
    assert mailcase(pipeline, "parked", "show", mail_key("invoices", SPAM), "--raw").stdout == SPAM
    pipeline.config.write_text(allowed)
    with pipeline.services(router=1, case_writer=1):
        retried = mailcase(pipeline, "parked", "retry", "--all", "--ignored")
    assert (retried.returncode, retried.stdout.decode().split(": ")[1].strip()) == (
        0,
        "opened, case 1",
    )


def test_a_discarded_mail_says_who_and_why_and_can_still_be_retried(pipeline: Pipeline) -> None:
    set_spam(pipeline, "park")
    pipeline.append("invoices", [SPAM])
    with pipeline.services(fetcher=1, router=1, case_writer=1):
        pipeline.until_recorded(1)
        key = mail_key("invoices", SPAM)
        assert (
            mailcase(pipeline, "parked", "discard", key[:12], "--why", "a lottery").returncode == 0
        )
        shown = mailcase(pipeline, "parked", "show", key).stdout.decode()
        assert "ignored, discarded" in shown
        assert "a lottery" in shown
        assert mailcase(pipeline, "parked", "retry", key).returncode == 0


def test_mails_from_files_are_cases_as_if_they_had_been_fetched(pipeline: Pipeline) -> None:
    samples = new_mails(4)
    files = list(written(pipeline, [sample.raw for sample in samples]))
    with pipeline.services(router=1, case_writer=1):
        first = mailcase(pipeline, "ingest", *files, "--process", "invoices")
        again = mailcase(pipeline, "ingest", files[0], "--process", "invoices")
    assert (first.returncode, first.stdout.count(b": opened case")) == (0, 4)
    assert b"(delivery 2)" in again.stdout
    keys = {mail["_id"] for mail in pipeline.database["mails"].find()}
    assert keys == {mail_key("invoices", sample.raw) for sample in samples}
    assert pipeline.database["comments"].count_documents({}) == 4


def test_a_case_is_shown_and_a_missing_one_is_an_error_of_one_line(pipeline: Pipeline) -> None:
    [file] = written(pipeline, [new_mails(1)[0].raw])
    with pipeline.services(router=1, case_writer=1):
        assert mailcase(pipeline, "ingest", file, "--process", "invoices").returncode == 0
    shown = mailcase(pipeline, "case", "show", "1")
    assert shown.stdout.startswith(b"Case [#1]")
    missing = mailcase(pipeline, "case", "show", "2")
    hint = b"`mailcase case list` shows all cases"
    assert (missing.returncode, missing.stderr) == (
        1,
        b"mailcase: there is no case 2; " + hint + b"\n",
    )


def test_check_passes_if_all_is_well_and_names_failures(pipeline: Pipeline) -> None:
    good = mailcase(pipeline, "check")
    assert good.returncode == 0, good.stdout
    (pipeline.folder / "password").write_text("wrong")
    bad = mailcase(pipeline, "check")
    assert bad.returncode == 1
    assert b"mailbox invoices" in bad.stdout
    broken = mailcase(pipeline, "check", "--config", "/nonexistent.toml", config=False)
    assert broken.returncode == 2
    assert broken.stderr.startswith(b"mailcase: /nonexistent.toml")


def written(pipeline: Pipeline, mails: Iterable[bytes]) -> Iterable[str]:
    for number, mail in enumerate(mails):
        file = pipeline.folder / f"{number}.eml"
        file.write_bytes(mail)
        yield str(file)


def test_a_parked_mail_is_put_into_a_case_by_a_person(pipeline: Pipeline) -> None:
    """Even if mail from strangers is parked: the person vouches for the author."""
    held = '[process.invoices]\nreply_from = "hold"\nspam = "park"'
    pipeline.config.write_text(pipeline.config.read_text().replace("[process.invoices]", held))
    key = mail_key("invoices", SPAM)
    with pipeline.services(router=1, case_writer=1):
        (letter,) = written(
            pipeline, [b"From: anna@customer.example\r\nSubject: order\r\n\r\nHello\r\n"]
        )
        assert mailcase(pipeline, "ingest", letter, "--process", "invoices").returncode == 0
        (spam,) = written(pipeline, [SPAM])
        mailcase(pipeline, "ingest", spam, "--process", "invoices")
        missing = mailcase(pipeline, "case", "add", "9", key[:8])
        assert (missing.returncode, b"there is no case 9" in missing.stderr) == (1, True)
        added = mailcase(pipeline, "case", "add", "[#1]", key[:8])
        assert (added.returncode, added.stdout.decode().split(": ")[1].strip()) == (
            0,
            "appended, case 1",
        )
        again = mailcase(pipeline, "case", "add", "1", key[:8])
        assert (again.returncode, b"it is in case 1" in again.stderr) == (1, True)
        audited = mailcase(pipeline, "audit", "--no-archive")
    assert audited.returncode == 0, audited.stdout.decode()
    comment = pipeline.database["comments"].find_one({"_id": key})
    assert comment is not None
    assert (comment["case"], comment["flags"].count("unverified-sender")) == (1, 0)
    history = [change["what"]["type"] for change in pipeline.database["changes"].find({"case": 1})]
    assert history == ["opened", "mail-added"]
