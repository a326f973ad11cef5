"""Reading mail: pure, from the bytes of a mail to what a person reads in it."""

from services.case_writer.reading.reader import read_mail
from services.case_writer.reading.values import SHORTENED, Attachment, MailReading, ReadingLimits
from services.runtime.mail.headers import Address

__all__ = ["SHORTENED", "Address", "Attachment", "MailReading", "ReadingLimits", "read_mail"]
