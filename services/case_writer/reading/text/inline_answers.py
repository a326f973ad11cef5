"""Recognizes that an author announces answers inside the text they quote: `My answers are below in
red.`

Outlook does not mark what it quotes, so that nothing else distinguishes such answers from it.
"""

# ruff: noqa: RUF001 - words in Cyrillic letters

_MAX_LINE = 400
# How words for answers begin, and, of those below, how their plurals begin.
_ANSWERS = (
    "answer", "repl", "respon", "comment", "remark", "notes", "correction", "odpowied", "odpowiad", "komentarz",
    "uwag", "dopisa", "dopisk", "poprawk", "antwort", "kommentar", "anmerkung", "ergänzung", "korrektur", "répon",
    "remarque", "respuesta", "respond", "comentari", "rispost", "rispond", "comment", "osservazion", "respost",
    "antwoord", "opmerking", "odpověd", "odpovíd", "komentář", "poznámk", "svar", "vastau", "kommentti", "відповід",
    "комент", "зауважен", "ответ", "коммент", "замечан", "válasz", "răspuns", "回复", "回答", "答复", "回答", "답변",
)  # fmt: skip
_PLURALS = (
    "answers", "replies", "responses", "comments", "remarks", "notes", "corrections", "odpowiedzi", "odpowiadam",
    "komentarze", "uwagi", "antworten", "kommentare", "anmerkungen", "ergänzungen", "réponses", "commentaires",
    "remarques", "respuestas", "comentarios", "risposte", "commenti", "osservazioni", "respostas", "comentários",
    "antwoorden", "opmerkingen", "odpovědi", "komentáře", "poznámky", "svaren", "svarene", "mina svar", "mine svar",
    "kommentarer", "vastaukset", "kommentit", "відповіді", "коментарі", "ответы", "комментарии", "замечания",
    "válaszok", "răspunsurile", "回复", "回答", "答复", "답변",
)  # fmt: skip
_BELOW = (
    "below", "underneath", "further down", "poniżej", "niżej", "unten", "weiter unten", "nachstehend", "ci-dessous",
    "plus bas", "abajo", "más abajo", "sotto", "di seguito", "abaixo", "hieronder", "níže", "nedan",
    "nedenfor", "alla olevat", "нижче", "ниже", "alább", "mai jos", "下面", "以下", "下記", "아래",
)  # fmt: skip
_INSIDE = (
    "inline", "in-line", "in line", "in the text", "in your text", "in your mail", "in your e-mail", "in your email",
    "interspersed", "in red", "in blue", "in green", "in bold", "in capitals", "in caps", "in colo",
    "w treści", "w tekście", "na czerwono", "na niebiesko", "na zielono", "czerwonym", "niebieskim", "zielonym",
    "pogrubion", "im text", "in ihrem text", "in ihrer mail", "in deiner mail", "in rot", "in blau", "in grün",
    "rot markiert", "farbig", "fett", "dans le texte", "dans le corps", "en rouge", "en bleu", "en vert", "en gras",
    "en rojo", "en azul", "en verde", "en el texto", "in rosso", "in blu", "in verde", "nel testo", "a vermelho",
    "em vermelho", "a azul", "em azul", "no texto", "in het rood", "in rood", "in het blauw", "in blauw", "in de tekst",
    "červeně", "modře", "v textu", "i rött", "i blått", "i texten", "i rødt", "med rødt", "med rød", "i teksten",
    "punaisella", "червоним", "синім", "у тексті", "в тексті", "красным", "синим", "в тексте", "pirossal", "cu roșu",
    "红色", "文中", "赤字", "빨간",
)  # fmt: skip
# Answers elsewhere: in an attachment.
_ELSEWHERE = (
    "attach", "załącz", "anhang", "anlage", "beigefügt", "pièce jointe", "ci-joint", "adjunt", "allegat", "anexo",
    "bijlage", "přílo", "bifog", "vedhæft", "vedlegg", "вкладен", "додатк", "приложен", "添付", "附件", "첨부",
)  # fmt: skip


def announces_inline_answers(lines: list[str]) -> bool:
    """Whether one of the author's lines says that their answers are inside the text below."""
    text = "\n".join(lines).lower()
    may_announce = "[" in text or any(word in text for word in _ANSWERS)  # few texts do
    return may_announce and any(map(_announces, lines))


def _announces(line: str) -> bool:
    low = line[:_MAX_LINE].lower()
    if "[" in low and "]" in low and any(word in low for word in _BELOW):
        return True  # Outlook marks comments with the name in brackets
    if not any(word in low for word in _ANSWERS) or any(word in low for word in _ELSEWHERE):
        return False
    if any(words in low for words in _INSIDE):
        return True
    return any(word in low for word in _PLURALS) and any(word in low for word in _BELOW)
