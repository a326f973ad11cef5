"""The words with which mail programs mark text that is not the author's own, in eighteen languages.

They are in lower case, and are compared with whole lines, the first words of a line, or whole words
of a short line.
"""

# ruff: noqa: RUF001 - words in Cyrillic letters


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The labels of the header that Outlook and others put above a quoted or forwarded mail, by field.
_LABELS = {
    "from": "보낸 사람|보낸사람|מאת|من|nuo|saatja|từ|dari|pošiljatelj|expeditor|afsender|šalje|από|отправител|"
    "from|od|von|de|da|van|från|fra|odesílatel|absender|nadawca|от|від|отправитель|expéditeur|mittente|"
    "remitente|remetente|avsändare|afsender|avsender|afzender|lähettäjä|"
    "feladó|de la|šalje|kimden|από|发件人|寄件者|差出人",
    "sent": "보낸 날짜|보낸날짜|날짜|נשלח|תאריך|تم الإرسال|التاريخ|išsiųsta|nosūtīts|saadetud|kuupäev|"
    "đã gửi|ngày gửi|ngày|dikirim|tanggal|ημερομηνία|"
    "sent|date|sent at|enviados|enviadas|отправленные|elküldött üzenetek|trimise|"
    "wysłano|wysłane|data|gesendet|datum|envoyé|enviado|enviado em|enviada|enviado el|fecha|"
    "inviato|verzonden|odesláno|skickat|sendt|отправлено|дата|надіслано|dato|data wysłania|gesendet am|date d'envoi|"
    "enviada em|data/hora|message du|lähetetty|päivämäärä|pvm|odoslané|elküldve|dátum|trimis|poslano|gönderildi|"
    "tarih|στάλθηκε|изпратено|发送时间|日期|寄件日期|送信日時",
    "to": "받는 사람|받는사람|אל|إلى|kam|saaja|đến|kepada|за|primatelj|до|"
    "to|do|an|à|para|aan|a|till|til|komu|adresat|empfänger|кому|destinataire|destinatario|destinatário|"
    "mottagare|modtager|mottaker|получатель|vastaanottaja|címzett|către|prima|kime|προς|收件人|收件者|宛先",
    "subject": "제목|נושא|الموضوع|tēma|tema|teema|chủ đề|subjek|zadeva|主　题|主 题|主　旨|"
    "subject|temat|betreff|objet|asunto|oggetto|onderwerp|předmět|ämne|emne|assunto|tytuł|тема|sujet|aihe|"
    "predmet|tárgy|subiect|konu|θέμα|относно|主题|主旨|件名",
    "more": "cc|bcc|dw|udw|kopia|kopie|do wiadomości|reply-to|antwort an|odpowiedź do|odpowiedz do|importance|ważność|"
    "priority|priorytet|wichtigkeit|priorität|attachments|załączniki|anlagen|anhänge|kopia do|copie à|copia|копия|"
    "копія|kopi|pièces jointes|adjuntos|allegati|anexos|bijlagen|přílohy|kopio|liitteet",
}
LABELS = {word: kind for kind, words in _LABELS.items() for word in words.split("|")}
MAX_LABEL_CHARS = max(map(len, LABELS))
# These labels are also in forms for parcels, which have other labels below them.
FORM_LABELS = _words(
    """absender nadawca отправитель відправник expéditeur mittente remitente remetente avsändare afsender avsender
    afzender odesílatel odosielateľ 发件人 寄件者 差出人"""
)
# With these, and a colon, the subjects of replies and of forwarded mails begin.
REPLY_MARKS = _words(
    """re aw odp sv vs antw r rif res rép ré відп відповідь ответ на ynt vá 回复 答复 回覆 fw fwd wg pd tr rv enc i
    vb vl přep předáno doorst"""
)
# In forms of web sites, the text of the person who filled them in is below one of these.
BODY_LABELS = frozenset(
    """message|message body|your message|comment|comments|your comment|enquiry|inquiry|question|text
treść|treść wiadomości|treść zapytania|wiadomość|pytanie|komentarz|uwagi|nachricht|ihre nachricht|nachrichtentext
kommentar|mitteilung|anfrage|bemerkung|bemerkungen|commentaire|commentaires|votre message|demande|mensaje
comentario|comentarios|consulta|messaggio|commento|richiesta|mensagem|comentário|bericht|opmerking|opmerkingen
zpráva|dotaz|správa|poznámka|meddelande|meddelelse|besked|melding|kommentti|viesti|повідомлення|коментар
сообщение|комментарий|вопрос|üzenet|mesaj|mesajınız|メッセージ|お問い合わせ内容|留言|메시지""".replace(
        "\n", "|"
    ).split("|")
)
# people write these labels, too
DATE_LABELS = _words("date data datum fecha dato дата päivämäärä pvm dátum tarih 日期")

# Between dashes: `-----Original Message-----`.
SEPARATORS = frozenset(
    """forwarded by|forwarded message|mensaje original|mensaje reenviado|message d'origine|message original
message transféré|courriel original|messaggio originale|messaggio inoltrato|oorspronkelijk bericht
doorgestuurd bericht|opprinnelig melding|oprindelig meddelelse|oprindelig besked|videresendt besked
videresendt meddelelse|videresendt melding|original appointment|original message|original-nachricht|original nachricht
originalmeddelande|ursprungligt meddelande|vidarebefordrat meddelande|originalnachricht|oryginalna wiadomość
oryginalny e-mail|przekazana wiadomość|přeposlaná zpráva|původní zpráva|původní e-mail|reply message
spotkanie pierwotne|treść oryginalnej wiadomości|treść przekazanej wiadomości|ursprüngliche nachricht
ursprünglicher termin|weitergeleitete nachricht|wiadomość oryginalna|wiadomość pierwotna|wiadomość przekazana
wiadomość przekazana dalej|mensagem original|mensagem encaminhada|mensagem reencaminhada|исходное сообщение
пересылаемое сообщение|пересланное сообщение|перенаправленное сообщение|вихідне повідомлення
оригінальне повідомлення|переслане повідомлення|original mail|original email|ursprüngliche mail
initial header|mail original|mail d'origine|e-mail original|origineel bericht|originele bericht
original besked|oprindelig mail
alkuperäinen viesti|välitetty viesti|edelleenlähetetty viesti|исходное письмо|пересылаемое письмо
початкове повідомлення|переадресоване повідомлення|原始邮件|转发邮件|原始郵件|eredeti üzenet
pôvodná správa|preposlaná správa|továbbított üzenet
mesaj original|mesaj înaintat|mesaj redirecționat|izvorna poruka|orijinal mesaj""".replace(
        "\n", "|"
    ).split("|")
)

# Help desks ask for a reply above a line that has these words between signs.
REPLY_ABOVE = (
    "above this line", "above the line", "oberhalb dieser linie", "oberhalb dieser zeile", "über dieser zeile",
    "über dieser linie", "au-dessus de cette ligne", "encima de esta línea", "sopra questa riga",
    "acima desta linha", "boven deze regel", "boven deze lijn", "powyżej tej linii",
    "nad tímto řádkem", "ovanför denna rad", "over denne linje", "выше этой строки",
    "над цим рядком",
)  # fmt: skip
REPLY_WORDS = (
    "reply", "respon", "antwort", "répon", "respuesta", "rispo", "antwoord", "odpowied",
    "odpově", "svar", "ответ", "відпов",
)  # fmt: skip
# What may follow in such a request.
REPLY_ENDS = frozenset(
    {"", "an", "ein", "eingeben", "schreiben", "in", "to comment", "to reply", "to respond"}
)

# Lines above a forwarded mail, followed by such a header.
FORWARDS = frozenset(
    """anfang der weitergeleiteten nachricht|begin forwarded message|début du message réexpédié
début du message transféré|początek przekazanej wiadomości|początek przekazywanej wiadomości
inicio del mensaje reenviado|inizio messaggio inoltrato|início da mensagem encaminhada
begin doorgestuurd bericht|vidarebefordrat brev|start på videresendt besked|videresendt melding
začátek přeposílané zprávy|начало переадресованного сообщения|начало пересылаемого сообщения
початок переадресованого повідомлення|välitetty viesti alkaa|začiatok preposlanej správy
továbbított levél kezdete|începutul mesajului redirecționat""".replace("\n", "|").split("|")
)

# What an attribution begins with: `On …, Jan wrote:`, `W dniu … Jan pisze:`, `Am … schrieb Jan:`.
STARTERS = (
    "on ", "w dniu ", "dnia ", "am ", "le ", "el ", "il ", "op ", "den ", "dne ", "på ", "em ",
    "no dia ", "às ", "dňa ", "în ", "pe ", "wiadomość napisana przez ", "użytkownik ", "zitat von ", "quoting ",
    "cytowanie ",
)  # fmt: skip

# With these, a program always writes an address.
QUOTING = ("zitat von ", "quoting ", "cytowanie ")

# The verbs of an attribution.
VERBS = _words(
    """wrote writes said pisze napisał napisała napisał(a) napisano napisali napisana schrieb
    schreibt geschrieben écrit escribió escribio scritto schreef skrev skriver napsal napsala
    napsal(a) píše geschreven escreveu написал написала написал(а) пишет писал написав
    написав(ла) написав(-ла) пише писал(а) писал(-а)
    писав писав(ла) kirjoitti írta scris quoting cytowanie zitat napisao napisala napísal napísala napísal(a)"""
)

# The words around the date, the name and the verb in the attributions of programs.
GLUE = _words(
    """on at på am pm um uhr w dniu dnia o godz g r le à a.m p.m el a las los il giorno alle ore op
    om den det dne v ve klo kl г р о в em de às à(s à(s) as no dia heeft het volgende ha hat
    folgendes wiadomość przez odesílatel użytkownik użytkownika użytkowniczka von пользователь
    користувач от від d di del al wł dem der då h va han kello uživatel
    godzinie klockan la(s keltezéssel időpontban dátummal időpont ezt în pe la dňa užívateľ používateľ følgende"""
)

_STEMS = """jan feb mar apr may jun jul aug sep oct okt nov dec dez mär maj mai sty lut kwi cze lip sie wrz
paź lis gru fév fev avr aoû déc ene abr ago dic gen mag giu lug set ott out mrt mei úno bře dub
kvě čvn čvc srp zář říj pro led янв фев мар апр мая май июн июл авг сен окт ноя дек січ лют бер
кві тра чер лип сер вер жов лис гру mon tue wed thu fri sat sun pon wto śro czw pią pt. sob nie
niedz die mit don fre sam son dim lun mer jeu ven mié jue vie sáb sab dom gio seg ter qua qui sex
maa din woe vri zat zon jui des pond úte úter stř čtv pát ned mån tis ons tor lör sön man lør søn пон вто
сре чет пят суб вос вів нед prz wt."""
CALENDAR_STEMS = frozenset(_STEMS.split())
CALENDAR_WORDS = _words(
    """tir tirs mo di mi do fr sa so lu ma me je ve wt pt śr nd po út st čt pá ne wo vr za zo пн вт ср чт
    пт сб вс нд tammik helmik maalisk huhtik toukok kesäk heinäk elok syysk lokak marrask
    jouluk maanantai tiistai keskiviikko torstai perjantai lauantai sunnuntai seč selč
    eet eest bst msk
    gmt utc mez mesz cet cest est edt pst pdt cst mst brt brst wet west z
    maanantaina tiistaina keskiviikkona torstaina perjantaina lauantaina sunnuntaina tirsdag martes
    január február márc március ápr április máj május jún június júl július szept szeptember október
    hétfő kedd szerda csütörtök péntek szombat vasárnap sze szo pondelok utorok streda štvrtok piatok nedeľa
    ian ianuarie februarie martie aprilie iun iunie iul iulie septembrie octombrie noiembrie
    decembrie luni marți miercuri joi vineri sâmbătă duminică mie vin sâm dum
    kwiecień czerwiec lipiec sierpień wrzesień październik listopad grudzień
    jänner januára februára marca apríla mája júna júla augusta septembra októbra novembra decembra
    sausio vasario kovo balandžio gegužės birželio liepos rugpjūčio rugsėjo spalio lapkričio gruodžio
    януари февруари март април май юни юли август септември октомври ноември декември
    ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου
    ינואר פברואר מרץ מרס אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר
    يناير فبراير مارس أبريل إبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر"""
)

# Finnish; elsewhere in a line they are words of other languages.
FIRST_WORDS = frozenset({"ma", "ti", "ke", "to", "pe", "la", "su"})

# In place of the author's name, only people write these words: pronouns, titles, articles.
PERSONAL = _words(
    """i you he she we they it me us him her your our my his their this that the a an mr mrs ms
    miss sir madam ja ty on ona wy oni pan pani państwo pana nasz nasza wasz wasza mój
    moja szef klient klientka ich du er sie wir ihr ihre ihrer mein meine unser unsere herr
    frau mir uns ihnen der die das ein eine kollege kollegin kunde je tu il elle nous vous ils
    mon ma notre votre monsieur madame m mme yo él ella nosotros usted señor señora mi su io
    lui lei noi voi signor signora la eu ele ela nós você senhor senhora meu ik jij hij zij
    wij u meneer mevrouw de het onze uw já vy paní náš váš я ты он она мы вы они наш ваш мой
    господин госпожа ти він вона ми ви вони мій пан пані jag han hon vi ni min vår jeg hun din
    minä sinä hän te herra rouva
    vores deres as but and und aber ale lecz mais pero maar а но и"""
)
# Programs that write a greeting for their user, such as The Bat!, address the reader; their times
# have seconds.
YOU_WROTE = ("you wrote", "вы писали", "ви писали", "schrieben sie", "vous écriviez", "pisałeś")
# Words that connect the parts of a sentence; capitalized as here, or in lower case.
SENTENCE_WORDS = _words("I As What When Who How Co Jak Was Wie Que Como Che Come Wat Hoe")
RELATIONS = _words(
    """to with for about in sent agreed following do dla mit an für über pour avec con com per voor
    met pro для до к с till til med of wysłałem wysłano geschickt gesendet envoyé enviado
    inviato verzonden"""
)
ARTICLES = _words("der die das den the le la les el il lo het")
# Words in lower case between the words of a name.
PARTICLES = _words(
    "von van der den de da di del della la le el bin al ter ten zu zur dos du y e i via und and & of"
)

# Footers of mailing lists, below a rule or `--`.
LIST_FOOTERS = (
    "mailing list", "to unsubscribe", "unsubscribe from", "unsubscribe here", "unsubscribe: http", "-unsubscribe@",
    "you received this message because you are subscribed",
    "google groups", "listinfo", "mailing-liste", "mailingliste", "lista dyskusyjna",
    "listy dyskusyjnej", "liste de diffusion", "lista de correo", "lista de discussão",
    "mailinglijst", "рассылк", "secured with tuta", "groups.io",
    "reply to this email directly or view it on", "you are receiving this because you were",
    "you are receiving this because you are subscribed",
    "you are receiving this because you authored",
)  # fmt: skip
# A line of such a footer that no person writes begins with one of these.
FOOTER_BEGINNINGS = (
    "to unsubscribe", "to leave this", "to stop receiving", "unsubscribe: http", "unsubscribe here",
    "unsubscribe from this", "you received this message because", "you receive all messages",
    "you are receiving this because you ", "reply to this email directly or view it on",
    "secured with tuta mail:", "zur abmeldung", "um sich abzumelden", "pour se désabonner",
    "pour vous désabonner", "pour se désinscrire", "aby się wypisać", "aby wypisać się",
    "para darse de baja", "per disiscriversi", "om u af te melden", "pro odhlášení",
    "чтобы отписаться",
)  # fmt: skip
# Of these, such a footer has one, or a link.
LEAVE_WORDS = (
    "unsubscribe", "-leave@", "abmeld", "désabonner", "désinscri", "wypisa", "baja", "disiscri",
    "afmeld", "odhlásit", "отписа", "avregistrer", "avsluta",
)  # fmt: skip
# A line that ends with one of these is continued below.
UNFINISHED = _words(
    """to as is are of for with from in on at by the a an and or that und oder auf an zu mit von für als der die das
    na do w z o i oraz jest że à de le la les pour en et que el los para y di per con e il van voor met op het och
    till til og på на до в из и для"""
)

# Words of an author that no footer contains.
FIRST_PERSON = _words(
    """me my i us mich mir ich uns mnie mój moi nas moje je mon moi nous mi yo nos io mio mia ci meu minha eu mij mijn
    we wir wij noi nosotros vi ми мы
    our unser unsere unseren nasz nasza naszą naszego notre nos nuestro nuestra nostro nostra nosso nossa onze naše
    наш наша нашу vår våra vores
    ik ons mě mne mi nás мене мій мне меня мой нас jag mig min oss jeg meg mig os minut minä meidät"""
)

# A line with one of these is part of a signature.
REACH_MARKS = ("www.", "http", "@", "gpg", "pgp")
CONTACT_MARKS = (*REACH_MARKS, "gmbh", "sp. z", " ltd", " inc.", "hrb ")
# If such a line also has the digits of a number, a word that begins with one of these is enough;
CALL_WORDS = (
    "tel", "tél", "phone", "fon", "mob", "fax", "faks", "kom", "тел", "gsm", "cell", "電話", "电话", "전화",
    "هاتف", "טל", "τηλ", "tlf", "puh",
)  # fmt: skip
CONTACT_WORDS = (
    *CALL_WORDS,
    "nip",
    "regon",
    "krs",
    "vat",
    "ust",
    "ičo",
    "siret",
    "iban",
    "p.iva",
    "cvr",
    "org.nr",
    "kvk",
    "dič",
    "інн",
    "инн",
)
# if it has any digit, the word for a street, or one that ends like it.
STREET_WORDS = _words("ul al av str street road avenue rue calle via вул ул lane straat")
STREET_ENDS = ("straße", "strasse", "str", "straat", "gasse", "weg", "platz", "gatan", "vej")
# A disclaimer has a word of each kind.
DISCLAIMERS = (
    "confidential", "poufn", "vertraulich", "confidentiel", "disclaimer", "print this",
    "before printing", "intended", "przeznaczon", "drukuj", "riservat", "vertrouwelijk", "důvěrn",
    "конфиденциальн", "конфіденційн", "umwelt", "rodo", "gdpr", "adresat", "registered",
)  # fmt: skip
# Short disclaimers have one of these.
PAPER_WORDS = (
    "environment",
    "umwelt",
    "before printing",
    "drukuj",
    "registered office",
    "registered in",
)
MESSAGES = (
    "mail", "message", "messagg", "mensaje", "mensagem", "wiadomoś", "nachricht", "bericht",
    "zpráv", "сообщен", "повідомлен", "korespondencj", "correspondence", "communication",
    "transmission", "attachment", "disclaimer", "administrator", "registered office", "registered in",
    "registered number", "unless you", "the environment",
)  # fmt: skip
# Words before a colon in lines of a signature, in addition to those above.
CONTACTS = _words(
    "t m f p e w skype web adres address adresse office biuro büro key fingerprint linkedin twitter github signal "
    "whatsapp telegram matrix xmpp jabber pgp direct zentrale centrala mail e-mail email sitz "
    "geschäftsführer amtsgericht registergericht"
)
# The last words of a letter's closing.
CLOSINGS = _words(
    """regards wishes pozdrawiam poważaniem pozdrowieniami grüßen grüße gruß grüssen cordialement vous salutations
    saludo saludos cordialmente saluti saluto groet groeten cumprimentos atenciosamente pozdravem přáním повагою
    уважением hälsning hälsningar hilsen hilsner terveisin terveisiä pozdravom üdvözlettel tisztelettel stimă"""
)
# Words in the text of a letter.
REQUESTS = _words(
    """please proszę prosimy bitte voici merci order orders zamówienie zamawiam bestellung bestelle commande
    pedido ordine ordini bestelling objednávka заказ замовлення beställning bestilling total totaal suma kwota razem
    summe gesamt ps p.s ps. next item items pozycja pozycje artikel delivery dostawa lieferung livraison we ich wir
    je nous my ja will can thanks thank dziękuję danke see"""
)
# Units: a number before or after one of these is a quantity of goods.
UNITS = _words(
    """x × pcs pc pieces piece szt szt. sztuk sztuki stk stück stueck kg cm mm boxes box units unit
    palet palety pallets pallet pairs kartons kartony paczek paczki ks kusů шт шт. штук styck stuks
    unidades pièces pezzi unità bottles bags packs rolls sets eur pln usd zł € $ qty"""
)
WEAK_UNITS = _words("g l m m2 m² t st")  # also occurs in addresses
