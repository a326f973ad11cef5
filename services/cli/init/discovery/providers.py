"""Large providers, by the domain of an address or by the mail exchanger of its domain.

Sources: the help pages of the providers on IMAP, POP3 and SMTP, as of November 2026. A company's
own domain at Microsoft or Google is recognized by its MX records. These can be forged, but they
only choose between the servers listed here.
"""

from dataclasses import dataclass

from services.cli.init.discovery.servers import FoundServer, Protocol, Provider, Security

Offer = tuple[Protocol, str, int, Security]


@dataclass(frozen=True)
class _Known:
    name: str
    offers: tuple[Offer, ...]
    oauth2: Provider | None = None


def _usual(name: str, imap: str, smtp: str, pop3: str | None = None) -> _Known:
    offers: list[Offer] = [("imap", imap, 993, "tls"), ("smtp", smtp, 465, "tls")]
    if pop3 is not None:
        offers.append(("pop3", pop3, 995, "tls"))
    return _Known(name, tuple(offers))


_MICROSOFT = _Known(
    "Microsoft 365",
    (
        ("imap", "outlook.office365.com", 993, "tls"),
        ("pop3", "outlook.office365.com", 995, "tls"),
        ("smtp", "smtp.office365.com", 587, "starttls"),
    ),
    "microsoft",
)
_GOOGLE = _Known(
    "Google",
    (
        ("imap", "imap.gmail.com", 993, "tls"),
        ("pop3", "pop.gmail.com", 995, "tls"),
        ("smtp", "smtp.gmail.com", 465, "tls"),
    ),
    "google",
)
# Personal Gmail accounts accept app passwords.
_GMAIL = _Known("Gmail", _GOOGLE.offers)
_GMX = _usual("GMX", "imap.gmx.net", "mail.gmx.net", "pop.gmx.net")
_WEB_DE = _usual("WEB.DE", "imap.web.de", "smtp.web.de", "pop3.web.de")
_WP = _usual("Wirtualna Polska", "imap.wp.pl", "smtp.wp.pl", "pop3.wp.pl")
_ONET = _usual("Onet", "imap.poczta.onet.pl", "smtp.poczta.onet.pl", "pop3.poczta.onet.pl")
_INTERIA = _usual("Interia", "poczta.interia.pl", "poczta.interia.pl", "poczta.interia.pl")
_O2 = _usual("o2", "poczta.o2.pl", "poczta.o2.pl", "poczta.o2.pl")
_YAHOO = _usual("Yahoo", "imap.mail.yahoo.com", "smtp.mail.yahoo.com", "pop.mail.yahoo.com")
_ICLOUD = _Known(
    "iCloud",
    (
        ("imap", "imap.mail.me.com", 993, "tls"),
        ("smtp", "smtp.mail.me.com", 587, "starttls"),
    ),
)
_FASTMAIL = _usual("Fastmail", "imap.fastmail.com", "smtp.fastmail.com", "pop.fastmail.com")
_T_ONLINE = _usual("T-Online", "secureimap.t-online.de", "securesmtp.t-online.de")
_ZOHO = _usual("Zoho", "imap.zoho.eu", "smtp.zoho.eu", "pop.zoho.eu")

_BY_DOMAIN = {
    "gmail.com": _GMAIL,
    "googlemail.com": _GMAIL,
    "gmx.com": _usual("GMX", "imap.gmx.com", "mail.gmx.com", "pop.gmx.com"),
    "gmx.de": _GMX,
    "gmx.net": _GMX,
    "gmx.at": _GMX,
    "gmx.ch": _GMX,
    "web.de": _WEB_DE,
    "wp.pl": _WP,
    "onet.pl": _ONET,
    "poczta.onet.pl": _ONET,
    "op.pl": _ONET,
    "interia.pl": _INTERIA,
    "interia.eu": _INTERIA,
    "poczta.fm": _INTERIA,
    "o2.pl": _O2,
    "tlen.pl": _O2,
    "yahoo.com": _YAHOO,
    "icloud.com": _ICLOUD,
    "me.com": _ICLOUD,
    "mac.com": _ICLOUD,
    "fastmail.com": _FASTMAIL,
    "t-online.de": _T_ONLINE,
}
_BY_EXCHANGER = {
    "mail.protection.outlook.com": _MICROSOFT,
    "mx.microsoft": _MICROSOFT,
    "google.com": _GOOGLE,
    "googlemail.com": _GOOGLE,
    "messagingengine.com": _FASTMAIL,
    "zoho.eu": _ZOHO,
}


def by_domain(domain: str) -> list[FoundServer]:
    """The servers of a provider whose addresses have this domain; empty if there is none here."""
    return _servers(_BY_DOMAIN.get(domain.lower()))


def by_mail_exchanger(hosts: list[str]) -> list[FoundServer]:
    """The servers of the provider whose host receives a domain's mail; empty if there is none
    here.
    """
    for host in hosts:
        name = host.rstrip(".").lower()
        for suffix, known in _BY_EXCHANGER.items():
            if name == suffix or name.endswith(f".{suffix}"):
                return _servers(known)
    return []


def by_host(host: str) -> Provider | None:
    """The provider of tokens for a server that takes no passwords; None for any other server."""
    for known in (_MICROSOFT, _GOOGLE):
        if host.lower() in {offered for _, offered, _, _ in known.offers}:
            return known.oauth2
    return None


def _servers(known: _Known | None) -> list[FoundServer]:
    if known is None:
        return []
    return [
        FoundServer(
            protocol,
            host,
            port,
            security,
            f"known server of {known.name}",
            "%EMAILADDRESS%",
            known.oauth2,
        )
        for protocol, host, port, security in known.offers
    ]
