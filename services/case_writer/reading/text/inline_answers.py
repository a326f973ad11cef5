"""Recognizes that an author announces answers inside the text they quote: `My answers are below in
red.`

Outlook does not mark what it quotes, so that nothing else distinguishes such answers from it.
"""

# ruff: noqa: RUF001 - words in Cyrillic letters

import re
from itertools import islice

_MAX_LINE = 400
_MAX_SENTENCES = 1000  # announcements are at the beginning
_SENTENCE_END = re.compile(r"[.!?;\u2026]\s|[\u3002\uff01\uff1f]")
_NOT_WORD = re.compile(r"[^\w-]+")
_NAME_IN_BRACKETS = re.compile(r"\[[^\W\d_][^\[\]#:@/\d]{0,40}\]")  # unlike `[Acme #4711]`
_LAST_ALPHABETIC = "\u1fff"  # words of other scripts have no space around them
_WORDS_BETWEEN = 2
# How words for answers begin, and, of those below, how their plurals begin.
_ANSWERS = (
    "answer", "reply", "repli", "response", "comments", "commented", "comment in", "remark", "notes", "correction",
    "odpowied", "odpowiad", "komentarz", "uwagi", "dopisa", "dopisk", "poprawk", "antwort", "kommentar", "anmerkung",
    "ergänzung", "korrektur", "répon", "commentaire", "remarque", "respuesta", "respond", "comentari", "rispost",
    "rispond", "commenti", "osservazion", "respost", "antwoord", "opmerking", "odpověd", "odpovíd", "komentář",
    "poznámk", "svar", "vastau", "kommentti", "відповід", "комент", "зауважен", "ответ", "коммент", "замечан",
    "válasz", "răspuns", "回复", "回答", "答复", "답변",
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
# What distinguishes answers from the text around them.
_DISTINCT = (
    "inline", "in-line", "in line", "interspersed", "in red", "in blue", "in green", "in bold", "in capitals",
    "in caps", *(f"in col{end}" for end in ("or", "ors", "our", "ours")), "na czerwono", "na niebiesko", "na zielono",
    "czerwonym", "niebieskim", "zielonym", "pogrubione", "pogrubionym", "pogrubioną", "pogrubieniem",
    "in rot", "in blau", "in grün", "rot markiert", "farbig", "fett", "en rouge", "en bleu", "en vert", "en gras",
    "en rojo", "en azul", "en verde", "in rosso", "in blu", "in verde", "a vermelho", "em vermelho", "a azul",
    "em azul", "in het rood", "in rood", "in het blauw", "in blauw", "červeně", "modře", "i rött", "i blått", "i rødt",
    "med rødt", "med rød", "punaisella", "червоним", "синім", "красным", "синим", "pirossal", "cu roșu", "红色",
    "赤字", "빨간",
)  # fmt: skip
_INSIDE = (
    "in the text", "in your text", "in your mail", "in your e-mail", "in your email", "w treści", "w tekście",
    "im text", "in ihrem text", "in ihrer mail", "in deiner mail", "dans le texte", "dans le corps", "en el texto",
    "nel testo", "no texto", "in de tekst", "v textu", "i texten", "i teksten", "у тексті", "в тексті", "в тексте",
    "文中",
)  # fmt: skip
# What an answer begins with; it says nothing about where the answer is.
_ANSWERING = (
    "in response to", "in reply to", "in answer to", "in line with", "w odpowiedzi na", "als antwort auf",
    "in antwort auf", "en réponse à", "en respuesta a", "in risposta a", "em resposta a", "in antwoord op",
    "v odpovědi na", "som svar på", "в ответ на", "у відповідь на",
)  # fmt: skip
# Answers elsewhere: in an attachment.
_ELSEWHERE = (
    "attach", "załącz", "anhang", "anlage", "beigefügt", "pièce jointe", "ci-joint", "adjunt", "allegat", "anexo",
    "bijlage", "přílo", "bifog", "vedhæft", "vedlegg", "вкладен", "додатк", "приложен", "添付", "附件", "첨부",
)  # fmt: skip


def announces_inline_answers(lines: list[str]) -> bool:
    """Whether one of the author's sentences says that their answers are inside the text below."""
    text = "\n".join(lines).lower()
    may_announce = "[" in text or any(word in text for word in _ANSWERS)  # few texts do
    if not may_announce:
        return False
    sentences = (part for line in lines for part in _SENTENCE_END.split(line[:_MAX_LINE].lower()))
    return any(map(_announces, islice(sentences, _MAX_SENTENCES)))


def _announces(sentence: str) -> bool:
    words = f" {_NOT_WORD.sub(' ', sentence)} "
    if "[" in sentence and _NAME_IN_BRACKETS.search(sentence) and _is_below(words):
        return True  # Outlook marks comments with the name in brackets
    if not _has_start(words, _ANSWERS) or any(word in sentence for word in _ELSEWHERE):
        return False
    rest = words
    for phrase in _ANSWERING:
        rest = rest.replace(f" {phrase} ", " ")
    if any(_has(rest, place) for place in _DISTINCT):
        return _has_start(rest, _ANSWERS) or _is_below(rest)
    if _has_start(rest, _PLURALS):
        return _is_below(rest) or any(_has(rest, place) for place in _INSIDE)
    return any(_is_near(rest.partition(f" {place} ")[0]) for place in _INSIDE if _has(rest, place))


def _is_near(before: str) -> bool:
    """Whether one of the last words before a place is one for answers: `I answered it`."""
    return _has_start(f" {' '.join(before.split()[-_WORDS_BETWEEN - 1 :])}", _ANSWERS)


def _is_below(words: str) -> bool:
    """Whether the words point below; `below 100 EUR` compares."""
    return any(
        _has(words, place) and not words.partition(place)[2].lstrip()[:1].isdigit()
        for place in _BELOW
    )


def _has(words: str, phrase: str) -> bool:
    """Whether the words, each between spaces, contain the phrase as whole words."""
    return (phrase if phrase[0] > _LAST_ALPHABETIC else f" {phrase} ") in words


def _has_start(words: str, starts: tuple[str, ...]) -> bool:
    """Whether one of the words begins with one of `starts`."""
    return any((start if start[0] > _LAST_ALPHABETIC else f" {start}") in words for start in starts)
