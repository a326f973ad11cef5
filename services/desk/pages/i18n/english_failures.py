"""Why something was refused or failed, in English."""

from schemas.reasons import IdentityProblem, SendProblem
from services.desk.pages.i18n.failures import Failures

_SEND_AGAIN = "The request did not arrive whole. Send it again."
_FETCH_WHOLE = (
    "Only its beginning is stored. Raise limits.max_mail_bytes and restart the fetchers, which then "
    "fetch it whole; then discard this one."
)
_GIVE_URL = (
    "Give a URL that begins with https:// and leads to a public address, without user name, "
    "password and fragment."
)

FAILURES = Failures(
    refusals={
        # Cases
        "already-there": ("The case is already at {to}.", "It is like that already."),
        "bad-id": ("The answer has an invalid id.",),
        "closed": ("Case {case} is closed. Reopen it first.", "The case is closed."),
        "draft-changed": ("The draft was changed in another window. Reload the page.",),
        "empty-file": ("The file is empty.",),
        "empty-note": ("The note has no text.",),
        "file-too-large": (
            "Larger than 25 MB, and not attached: {names}.",
            "The file is larger than 25 MB.",
        ),
        "invalid-assignee": ("The case can be assigned only to a person or a group.",),
        "invalid-hold": ("The answer cannot wait that long.",),
        "invalid-title": ("A title has 1 to 500 characters.",),
        "invalid-value": ("{field}: {form} {names}.", "{field}: {form}", "A value is not valid."),
        "merged": (
            "Case {case} is merged into case {into}. Work there, or undo the merge.",
            "The case is merged into another one.",
        ),
        "missing-field": ("{to} needs more fields first: {names}.", "Fields are missing."),
        "no-case-number": ("Give the number of a case, such as 235.",),
        "no-mail": ("Each of the two cases needs at least one mail.",),
        "no-recipient": ("There is nobody to whom the mail can be sent. Give an address.",),
        "no-sender": ("The process has no address to send from. Ask an administrator.",),
        "no-smtp-server": ("The process cannot send mail. Ask an administrator.",),
        "no-such-answer": ("There is no such answer.",),
        "no-such-case": ("There is no such case. Check its number.",),
        "no-such-comment": ("There is no such entry in this case.",),
        "no-such-field": ("The process has no such field.",),
        "no-such-process": ("There is no such process. Ask an administrator.",),
        "no-such-stage": ("A case of this process cannot be at that stage.",),
        "no-such-upload": ("A file is no longer stored. Add it again.",),
        "no-time": ("That is not a date and time.",),
        "no-transition": (
            "{stage} does not lead to {to}. The next stages are: {names}.",
            "{stage} does not lead to {to}. No stage follows it.",
            "The case cannot go to that stage now.",
        ),
        "not-allowed": (
            "Only some roles may move a case out of {stage}: {names}.",
            "You do not have the role that this needs.",
        ),
        "not-merged": ("The case is not merged.",),
        "note-too-long": ("The note is too long. Attach the text as a file.",),
        "same-case": ("A case cannot be merged into itself.",),
        "stale-revision": ("It was changed in the meantime.",),
        "text-too-long": ("The text is too long. Attach it as a file.",),
        "too-late": ("The answer was sent already, or it was taken back.",),
        "too-many-recipients": ("There are too many recipients. Remove some.",),
        "too-many-uploads": (
            "More than {files} files or {megabytes} MB wait for a note or an answer. Use them, or wait two days.",
            "Too many of your files wait for their note or answer.",
        ),
        "too-many-views": ("There are too many saved views. Remove one first.",),
        "unknown-process": ("The process is not in the settings. Ask an administrator.",),
        "unusable-address": ("Mail cannot be sent to one of the addresses. Correct it.",),
        # Search
        "empty-search": ("Give at least one word of two letters or more.",),
        "search-too-broad": ("Too much matches. Add words, or choose a process.",),
        "filter-too-broad": ("Too many cases. Choose a process or a stage, or use the search.",),
        # Parked mail
        "content-missing": ("Its content is not stored. It can be read from the archive again.",),
        "mail-too-large": (_FETCH_WHOLE,),
        "outcome-changed": ("Someone else already decided about this mail.",),
        # People, tokens and webhooks
        "being-delivered": ("It is being delivered now. Try again in a few seconds.",),
        "invalid-address": ("That is not a mail address.",),
        "invalid-group": ("A group has a name of 1 to 200 characters, on one line.",),
        "invalid-name": ("A name has 1 to 200 characters, on one line.",),
        "invalid-process": ("There is no such process.",),
        "invalid-role": ("There is no such role.",),
        "invalid-scope": ("Choose at least one permission.",),
        "invalid-url": (_GIVE_URL,),
        "link-unusable": ("This link was used already, or it has expired.",),
        "login-by-provider": ("People sign in with the organization's accounts here.",),
        "login-failed": ("The address or the password is wrong.",),
        "no-identity": ("The account has no identity of the provider.",),
        "no-such-user": ("There is no such user.",),
        "passwords-differ": ("The two passwords are different.",),
        "token-exists": ("The token of this form exists already. Reload the page.",),
        "too-many-attempts": (
            "Too many attempts failed. Wait {minutes} min, then try again.",
            "Too many attempts failed. Try again later.",
        ),
        "too-many-tokens": ("There are too many tokens. Revoke one first.",),
        "too-many-webhooks": ("There are too many webhooks. Remove one first.",),
        "user-disabled": ("The account is disabled. Enable it first.",),
        "user-exists": ("There is an account for {user} already.", "There is such an account."),
        "weak-password": (
            "A password has at least {min} characters. Use a sentence of four words or more.",
            "The password is easy to guess. Use a sentence of four words or more.",
        ),
        "webhook-disabled": ("The webhook is disabled. Enable it first.",),
        # Requests
        "cross-site": ("The form was sent by another website.",),
        "idempotency-key-reused": ("The same key was sent with another request.",),
        "incomplete": (_SEND_AGAIN,),
        "internal-error": ("The error was logged.",),
        "invalid-cursor": ("The list has changed. Begin at its first page.",),
        "invalid-idempotency-key": ("The Idempotency-Key is not valid.",),
        "invalid-if-match": ("The If-Match is not valid.",),
        "invalid-request": ("A value is missing, too long, or not valid.",),
        "method-not-allowed": ("Use the buttons of the page.",),
        "not-found": ("It does not exist, or you have no access to it.",),
        "not-signed-in": ("Sign in again.",),
        "precondition-required": ("The page is too old. Reload it.",),
        "range-not-satisfiable": ("The file has no such range.",),
        "refused": ("The rules do not allow this now.",),
        "still-answered": ("The first request is still being answered.",),
        "partly-refused": ("Some of it was refused.",),
        "too-large": ("That is too much at once. Send less.",),
        "too-many-headers": ("The browser sends too many headers.",),
        "too-many-streams": ("Too many pages are open at the same time.",),
        "too-slow": (_SEND_AGAIN,),
        "unavailable": ("A server does not answer. Try again in a few seconds.",),
        "unsupported-media-type": ("The form was sent in a form that is not supported.",),
    },
    field_forms={
        "text": "Write 1 to 1,000 characters.",
        "number": "Write a number such as 1234.56.",
        "money": "Write an amount with its currency, such as 1234.56 PLN.",
        "date": "Write a date such as 2026-11-30.",
        "choice": "Choose one of these:",
        "bool": "Choose yes or no.",
        "email": "Write a mail address such as name@example.com.",
        "nip": "Write the ten digits of a tax number. Check them: one may be wrong.",
        "iban": "Write the number of a bank account. Check its digits: one may be wrong.",
        "ksef": "Write the KSeF number as it is on the invoice. Check its characters.",
    },
    mailboxes={
        "ca-file": "The file in server.{server}.ca_file cannot be used. It must contain PEM "
        "certificates, and the fetcher must be allowed to read it.",
        "cannot-move": "Mails cannot be moved to the folder in server.{server}.move_to. Create "
        "that folder, make room in it, or correct the setting.",
        "certificate-expired": "The certificate of {host} has expired. Renew it on the mail "
        "server, or set the clock of the machine of the fetcher.",
        "certificate-name": "The certificate of {host} is for another name. Set "
        "server.{server}.host to the name in the certificate.",
        "certificate-untrusted": "The certificate of {host} is from an unknown authority. Correct "
        "server.{server}.host, or set server.{server}.ca_file to the authority's certificate.",
        "dependency": "The mailbox works, but the broker or the database does not accept its mail.",
        "fault": "An error in Mailcase itself. Report it with the traceback in the fetcher's log.",
        "folder-not-opened": "The folder {folder} cannot be opened. Create it, or correct the "
        "mailbox's folder in the settings.",
        "folder-read-only": "The folder {folder} is read-only. Give {user} the rights to delete "
        "and to flag in it.",
        "login-refused": "{host} refuses the log-in. Check user and password, and that the "
        "account may use this protocol.",
        "may-not-delete": "{user} may not delete in the folder {folder}. Give that right, or set "
        "delete_after_fetch = false.",
        "no-encryption": "{host} does not offer encryption on port {port}. Check that it offers "
        'STARTTLS there, or set server.{server}.security = "tls".',
        "no-name-server": "No name server answers about {host}. Check the network and the name "
        "servers of the machine of the fetcher.",
        "no-secret": "The password of the mailbox cannot be read. Check its file or variable.",
        "no-such-host": "There is no server named {host}. Correct server.{server}.host.",
        "no-token": "No access token was issued. Check the settings of oauth2, and the "
        "permissions of the app.",
        "protocol": "{host} sent an answer that is not valid. See the log of the mail server; "
        "the fetcher tries again.",
        "token-library": "The libraries of OAuth 2.0 are not installed. Install the extra oauth2 "
        "for the fetcher.",
        "token-secret": "The secret in the settings of oauth2 cannot be used. Check its file or "
        "variable.",
        "token-unreachable": "The server that issues access tokens does not answer. Check that the "
        "fetcher can reach it.",
        "tls-failed": "{host} does not accept TLS on port {port}. Check server.{server}.security "
        "and server.{server}.port.",
        "too-slow": "{host} answers too slowly. Check the server and the network, or raise "
        "server.{server}.timeout_s.",
        "unreachable": "{host} cannot be reached on port {port}. Check server.{server}.host and "
        "server.{server}.port.",
    },
    dead_letters={
        "cannot be routed": "The router failed on this mail",
        "not handled": "The search index failed on this event",
        "unexpected": "Reading the fields of this mail failed",
        "unreadable": "The message cannot be read",
        "delivery_limit": "Processing it failed too often",
        "expired": "It waited too long in the queue",
        "maxlen": "The queue was full",
        "rejected": "A service rejected it",
        "unknown": "A service could not process it",
    },
    deliveries={
        "address-refused": "The host leads to no address that webhooks may reach",
        "connection": "The connection failed",
        "invalid-url": "The URL is not valid",
        "no-http": "The receiver's answer is not valid HTTP/1.1",
        "redirect": "The receiver redirects; give the final URL",
        "status": "The receiver reported an error",
        "timeout": "The receiver did not answer in time",
        "tls": "The encrypted connection failed",
    },
    sending={
        SendProblem.HELD: "too much automatic mail was sent. It is sent later.",
        SendProblem.NOT_COMPOSED: "the mail cannot be composed",
        SendProblem.TOO_LARGE: "the mail is larger than sender.max_mail_bytes allows",
        SendProblem.INTERNAL: "an internal error, which is logged; it is tried again",
        SendProblem.NO_SERVER: "the settings name no SMTP server for this process.",
        SendProblem.FILE_MISSING: "one of its files is missing",
        SendProblem.BAD_HEADER: "one of its headers cannot be written",
        SendProblem.NO_PASSWORD: "the password for the SMTP server cannot be read",
        SendProblem.NO_TOKEN: "no access token was issued",
        SendProblem.TOKEN_LIBRARY: "the libraries of OAuth 2.0 are not installed",
        SendProblem.TOKEN_SECRET: "the secret of OAuth 2.0 cannot be used",
        SendProblem.TOKEN_UNREACHABLE: "the server that issues access tokens does not answer",
        SendProblem.NO_SESSION: "no session with the SMTP server",
        SendProblem.BAD_ADDRESS: "SMTP cannot carry one of its addresses",
    },
    identities={
        IdentityProblem.ADDRESS_TAKEN: "Your address belongs to another person there.",
        IdentityProblem.BAD_SIGNATURE: "The signature of the proof is not valid.",
        IdentityProblem.DISABLED: "The account is disabled, or was changed meanwhile.",
        IdentityProblem.EXPIRED: "The proof has expired. The clocks of the servers may differ.",
        IdentityProblem.HAS_NONCE: "The proof is for another purpose.",
        IdentityProblem.NO_ADDRESS: "Your account there has no mail address.",
        IdentityProblem.NO_CODE: "The sign-in was ended or refused there.",
        IdentityProblem.NO_LOGOUT: "The proof does not ask for signing out.",
        IdentityProblem.NO_SUBJECT: "The proof does not say who signs in.",
        IdentityProblem.NO_TIME: "The proof has no valid time.",
        IdentityProblem.NO_TOKEN: "The proof is missing, or cannot be read.",
        IdentityProblem.NOT_ALLOWED: "You are in none of the groups that may use the desk.",
        IdentityProblem.NOT_NOW: "The time of the proof is wrong. The clocks of the servers may "
        "differ.",
        IdentityProblem.PROVIDER_REFUSED: "The desk is not accepted there.",
        IdentityProblem.REPLAYED: "The proof was used before.",
        IdentityProblem.UNAVAILABLE: "Its server does not answer.",
        IdentityProblem.UNKNOWN_KEY: "The signature of the proof is by an unknown key.",
        IdentityProblem.UNVERIFIED_ADDRESS: "Your address is not verified there.",
        IdentityProblem.WRONG_AUDIENCE: "The proof is for another program.",
        IdentityProblem.WRONG_ISSUER: "The proof comes from someone else.",
        IdentityProblem.WRONG_NONCE: "The proof belongs to another sign-in.",
        IdentityProblem.WRONG_STATE: "The sign-in did not begin in this browser, or it took too "
        "long.",
        IdentityProblem.WRONG_SUBJECT: "The proof is about another person.",
        IdentityProblem.WRONG_TYPE: "The proof is of another kind.",
    },
)
