"""The words by which mail programs mark what an author did not write now: Polish, English and German, some others.

All in small letters. They are matched against whole lines or a line's first words, never searched in running text.
"""

# The header that Outlook and others put above a quoted or forwarded mail, by what a line of it tells.
_LABELS = {
    "from": "from|od|von|de|da|van|från|fra|odesílatel|absender|nadawca|от|від",
    "sent": "sent|date|sent at|wysłano|wysłane|data|gesendet|datum|envoyé|enviado|fecha|inviato|verzonden|odesláno|"
    "skickat|sendt|отправлено|дата|надіслано",
    "to": "to|do|an|à|para|aan|a|till|til|komu|adresat|empfänger|til|кому",
    "subject": "subject|temat|betreff|objet|asunto|oggetto|onderwerp|předmět|ämne|emne|assunto|tytuł|тема",
    "more": "cc|bcc|dw|udw|kopia|kopie|do wiadomości|reply-to|antwort an|odpowiedź do|odpowiedz do|importance|ważność|"
    "priority|priorytet|wichtigkeit|priorität|attachments|załączniki|anlagen|anhänge|kopia do|copie à|copia",
}
LABELS = {word: kind for kind, words in _LABELS.items() for word in words.split("|")}
MAX_LABEL_CHARS = max(map(len, LABELS))

# Between dashes: `-----Original Message-----`.
SEPARATORS = frozenset(
    {
        "forwarded by",
        "forwarded message",
        "mensaje original",
        "message d'origine",
        "message original",
        "message transféré",
        "messaggio originale",
        "oorspronkelijk bericht",
        "opprinnelig melding",
        "oprindelig meddelelse",
        "original appointment",
        "original message",
        "original-nachricht",
        "originalmeddelande",
        "originalnachricht",
        "oryginalna wiadomość",
        "oryginalny e-mail",
        "przekazana wiadomość",
        "přeposlaná zpráva",
        "původní zpráva",
        "reply message",
        "spotkanie pierwotne",
        "treść oryginalnej wiadomości",
        "treść przekazanej wiadomości",
        "ursprüngliche nachricht",
        "ursprünglicher termin",
        "weitergeleitete nachricht",
        "wiadomość oryginalna",
        "wiadomość pierwotna",
        "wiadomość przekazana",
        "wiadomość przekazana dalej",
    }
)

# A line of its own above a forwarded mail, followed by such a header.
FORWARDS = frozenset(
    {
        "anfang der weitergeleiteten nachricht",
        "begin forwarded message",
        "début du message réexpédié",
        "początek przekazanej wiadomości",
        "początek przekazywanej wiadomości",
    }
)

# What an attribution begins with: `On …, Jan wrote:`, `W dniu … Jan pisze:`, `Am … schrieb Jan:`.
STARTERS = (
    "on ", "at ", "w dniu ", "dnia ", "am ", "le ", "el ", "il ", "op ", "den ", "dne ", "på ", "pon.", "wt.", "śr.",
    "czw.", "pt.", "sob.", "niedz.", "poniedziałek", "wtorek", "środa", "czwartek", "piątek", "sobota", "niedziela",
    "mon,", "tue,", "wed,", "thu,", "fri,", "sat,", "sun,", "wiadomość napisana przez ", "użytkownik ", "zitat von ",
    "quoting ", "cytowanie ",
)  # fmt: skip

# What it says; a word among others, so with blanks or signs around it.
VERBS = (
    "wrote", "writes", "said", "pisze", "napisał", "napisała", "napisał(a)", "napisano", "napisali", "napisana",
    "schrieb", "schreibt", "geschrieben", "a écrit", "escribió", "ha scritto", "schreef", "skrev", "napsal", "napsala",
    "geschreven", "zitat von", "quoting", "cytowanie",
)  # fmt: skip

# How the programs of telephones sign: the beginning of a line.
DEVICE_SIGNATURES = (
    "sent from my ", "sent from mail for windows", "sent from outlook", "sent from yahoo mail", "sent via ",
    "get outlook for ", "sent with proton mail", "sent from proton mail", "sent from samsung",
    "sent from gmail mobile", "wysłane z iphone", "wysłane z mojego ", "wysłano z mojego ", "wysłane z ipad",
    "wysłane z telefonu", "wysłano z telefonu", "wysłane z urządzenia", "wysłano z urządzenia",
    "wysłane z programu poczta", "wysłane z aplikacji", "wysłano z aplikacji", "wysłano z iphone",
    "wysłane ze smartfona", "pobierz aplikację outlook", "pobierz program outlook", "wysłane z outlook",
    "wysłane z systemu", "von meinem iphone", "von meinem ipad", "von meinem samsung", "von meinem android",
    "von meinem handy", "von meinem mobiltelefon", "von meinem smartphone", "gesendet von meinem ",
    "gesendet von mail für windows",
    "gesendet von outlook", "gesendet mit der ", "holen sie sich outlook", "outlook für android", "outlook für ios",
    "diese nachricht wurde von meinem ", "gesendet von yahoo", "envoyé de mon ", "enviado desde mi ",
    "inviato da iphone",
)  # fmt: skip
