"""What mail programs write between an answer and its quote, in fifteen languages. It is removed
with the quote.
"""

import time

import pytest

from services.case_writer.reading.text.quotes import strip_quotes

OWN = "Thanks, it arrives on Tuesday.\n\nEva"
BODY = "Hello,\nwhen will the 20 boxes arrive?\nAnna"

ATTRIBUTIONS = {
    "en": [
        "On Mon, Nov 23, 2026 at 10:11 AM Anna Nowak <anna@office.example> wrote:",
        "On 23 Nov 2026, at 10:11, Anna Nowak <anna@office.example> wrote:",
        "On 11/23/26 10:11 AM, Anna Nowak wrote:",
        "On Monday, November 23, 2026, 10:11:12 AM GMT+1, Anna Nowak <anna@office.example> wrote:",
        "On 2026-11-23 10:11, Anna Nowak wrote:",
        "On 23.11.2026 10:11, Anna Nowak wrote:",
        "On Mon, 23 Nov 2026, 10:11 Anna Nowak, <anna@office.example> wrote:",
        "Anna Nowak <anna@office.example> wrote:",
        "On November 23, 2026 10:11:12 AM GMT+01:00, Anna Nowak <anna@office.example> wrote:",
        "On Mon, Nov 23, 2026, at 10:11 AM, Anna Nowak wrote:",
        "On Nov 23, 2026, at 10:11 AM, Anna Nowak <anna@office.example> wrote:",
        'On 23 November 2026 10:11:12 CET, "Anna Nowak" <anna@office.example> wrote:',
    ],
    "pl": [
        "pon., 23 lis 2026 o 10:11 Anna Nowak <anna@office.example> napisał(a):",
        "Wiadomość napisana przez Anna Nowak <anna@office.example> w dniu 23 lis 2026, o godz. 10:11:",
        "W dniu 23.11.2026 o 10:11, Anna Nowak pisze:",
        "Dnia 23 listopada 2026 10:11 Anna Nowak <anna@office.example> napisał(a):",
        "W dniu 2026-11-23 10:11, Anna Nowak napisał(a):",
        "W dniu pon., 23.11.2026 o 10:11 Anna Nowak <anna@office.example> napisał(a):",
        "Użytkownik Anna Nowak <anna@office.example> napisał:",
        "W dniu pon., 23.11.2026 o godzinie 10:11 +0100, użytkownik Anna Nowak napisał:",
        "W dniu poniedziałek, 23 listopada 2026 Anna Nowak <anna@office.example> napisał(a):",
        "W dniu 23 listopada 2026 10:11:12 CET, Anna Nowak <anna@office.example> napisał(a):",
    ],
    "de": [
        "Am Mo., 23. Nov. 2026 um 10:11 Uhr schrieb Anna Nowak <anna@office.example>:",
        "Am 23.11.2026 um 10:11 schrieb Anna Nowak <anna@office.example>:",
        "Am 23.11.2026 um 10:11 schrieb Anna Nowak:",
        "Anna Nowak <anna@office.example> schrieb am Mo., 23. Nov. 2026, 10:11:",
        "Am Montag, 23. November 2026 um 10:11:12 MEZ hat Anna Nowak <anna@office.example> Folgendes geschrieben:",
        "Anna Nowak <anna@office.example> hat am 23.11.2026 10:11 geschrieben:",
        "Am 23. November 2026 10:11:12 MEZ schrieb Anna Nowak <anna@office.example>:",
        "Zitat von Anna Nowak <anna@office.example>:",
        "Am 2026-11-23 10:11, schrieb Anna Nowak:",
    ],
    "fr": [
        "Le lun. 23 nov. 2026 à 10:11, Anna Nowak <anna@office.example> a écrit :",
        "Le 23 nov. 2026 à 10:11, Anna Nowak <anna@office.example> a écrit :",
        "Le 23/11/2026 à 10:11, Anna Nowak a écrit :",
        "Le lundi 23 novembre 2026 à 10:11:12 UTC+1, Anna Nowak <anna@office.example> a écrit :",
        "Anna Nowak <anna@office.example> a écrit :",
        "Le dim. 5 juil. 2026, 10:11, Anna Nowak <anna@office.example> a écrit :",
        "Le dimanche 05 juillet 2026 à 10:11 +0200, Anna Nowak a écrit :",
        "Le 23 novembre 2026 10:11:12 GMT+01:00, Anna Nowak <anna@office.example> a écrit :",
    ],
    "es": [
        "El lun, 23 nov 2026 a las 10:11, Anna Nowak (<anna@office.example>) escribió:",
        "El 23 nov 2026, a las 10:11, Anna Nowak <anna@office.example> escribió:",
        "El 23/11/2026 a las 10:11, Anna Nowak escribió:",
        "El lunes, 23 de noviembre de 2026, 10:11:12 CET, Anna Nowak <anna@office.example> escribió:",
        "El 23 de noviembre de 2026 10:11:12 CET, Anna Nowak <anna@office.example> escribió:",
    ],
    "it": [
        "Il giorno lun 23 nov 2026 alle ore 10:11 Anna Nowak <anna@office.example> ha scritto:",
        "Il giorno 23 nov 2026, alle ore 10:11, Anna Nowak <anna@office.example> ha scritto:",
        "Il 23/11/2026 10:11, Anna Nowak ha scritto:",
        "Il lunedì 23 novembre 2026 alle ore 10:11:12 CET, Anna Nowak <anna@office.example> ha scritto:",
        "Il 23 novembre 2026 10:11:12 CET, Anna Nowak <anna@office.example> ha scritto:",
    ],
    "pt": [
        "Em seg., 23 de nov. de 2026 às 10:11, Anna Nowak <anna@office.example> escreveu:",
        "No dia 23/11/2026, às 10:11, Anna Nowak <anna@office.example> escreveu:",
        "Em 23/11/2026 10:11, Anna Nowak escreveu:",
        "Em segunda-feira, 23 de novembro de 2026 10:11:12 GMT-3, Anna Nowak <anna@office.example> escreveu:",
        "Às 10:11 de 23/11/2026, Anna Nowak escreveu:",
        "Anna Nowak <anna@office.example> escreveu no dia segunda, 23/11/2026 à(s) 10:11:",
    ],
    "nl": [
        "Op ma 23 nov 2026 om 10:11 schreef Anna Nowak <anna@office.example>:",
        "Op 23 nov 2026, om 10:11 heeft Anna Nowak <anna@office.example> het volgende geschreven:",
        "Op 23-11-2026 om 10:11 schreef Anna Nowak:",
        "Op maandag 23 november 2026 om 10:11:12 CET schreef Anna Nowak <anna@office.example>:",
    ],
    "cs": [
        "po 23. 11. 2026 v 10:11 odesílatel Anna Nowak <anna@office.example> napsal:",
        "23. 11. 2026 v 10:11, Anna Nowak <anna@office.example>:",
        "Dne 23.11.2026 v 10:11 Anna Nowak napsal(a):",
        "Dne 23. 11. 26 v 10:11 Anna Nowak napsal(a):",
        "Dne pondělí 23. listopadu 2026 10:11:12, Anna Nowak <anna@office.example> napsal(a):",
    ],
    "uk": [
        "пн, 23 лист. 2026 р. о 10:11 Anna Nowak <anna@office.example> пише:",
        "23 лист. 2026 р. о 10:11 Anna Nowak <anna@office.example> пише:",
        "23.11.2026 10:11, Anna Nowak пише:",
        "понеділок, 23 листопада 2026 р. Anna Nowak <anna@office.example> пише:",
        '23 листопада 2026, 10:11:12, від "Anna Nowak" <anna@office.example>:',
    ],
    "ru": [
        "пн, 23 нояб. 2026 г. в 10:11, Anna Nowak <anna@office.example>:",
        "23 нояб. 2026 г., в 10:11, Anna Nowak <anna@office.example> написал(а):",
        "23.11.2026 10:11, Anna Nowak пишет:",
        '23.11.2026, 10:11, "Anna Nowak" <anna@office.example>:',
        "Понедельник, 23 ноября 2026, 10:11 +03:00 от Anna Nowak <anna@office.example>:",
        "понедельник, 23 ноября 2026 г. пользователь Anna Nowak <anna@office.example> написал:",
    ],
    "sv": [
        "Den mån 23 nov. 2026 kl 10:11 skrev Anna Nowak <anna@office.example>:",
        "23 nov. 2026 kl. 10:11 skrev Anna Nowak <anna@office.example>:",
        "Den 2026-11-23 kl. 10:11, skrev Anna Nowak:",
        "På mån, 23 nov. 2026 kl. 10:11 skrev Anna Nowak <anna@office.example>:",
        "tis 2026-11-24 klockan 10:11 +0100 skrev Anna Nowak:",
    ],
    "da": [
        "Den man. 23. nov. 2026 kl. 10.11 skrev Anna Nowak <anna@office.example>:",
        "Den 23. nov. 2026 kl. 10.11 skrev Anna Nowak <anna@office.example>:",
        "Den 23.11.2026 kl. 10.11 skrev Anna Nowak:",
        "Anna Nowak <anna@office.example> skrev den 23.11.2026 10.11:",
    ],
    "no": [
        "man. 23. nov. 2026 kl. 10:11 skrev Anna Nowak <anna@office.example>:",
        "På fredag 4. desember 2026 kl. 10:11 skrev Anna Nowak <anna@office.example>:",
        "23. nov. 2026 kl. 10:11 skrev Anna Nowak <anna@office.example>:",
        "Den 23.11.2026 10:11, skrev Anna Nowak:",
    ],
    "fi": [
        "15. toukokuuta 2026 10.11.12 EEST Anna Nowak <anna@office.example> kirjoitti:",
        "ma 23. marrask. 2026 klo 10.11 Anna Nowak (anna@office.example) kirjoitti:",
        "Anna Nowak <anna@office.example> kirjoitti 23.11.2026 kello 10.11:",
        "Anna Nowak kirjoitti 23.11.2026 klo 10.11:",
        "maanantai 23. marraskuuta 2026 klo 10.11.12 UTC+2 Anna Nowak <anna@office.example> kirjoitti:",
        "maanantaina 23. marraskuuta 2026 klo 10.11.12 UTC+2 Anna Nowak <anna@office.example> kirjoitti:",
    ],
    "sk": [
        "po 23. 11. 2026 o 10:11 Anna Nowak <anna@office.example> napísal(a):",
        "Dňa 23. 11. 2026 o 10:11 Anna Nowak napísal(a):",
        "Dňa 23. septembra 2026 o 10:11 používateľ Anna Nowak <anna@office.example> napísal:",
    ],
    "hu": [
        "Anna Nowak <anna@office.example> ezt írta (időpont: 2026. szept. 23., Sze, 10:11):",
        "2026. 11. 23. 10:11 keltezéssel, Anna Nowak írta:",
        "2026. márc. 23. dátummal, 10:11 időpontban Anna Nowak <anna@office.example> írta:",
    ],
    "ro": [
        "În sâm., 14 feb. 2026 la 10:11, Anna Nowak <anna@office.example> a scris:",
        "Pe 23 iul. 2026, la 10:11, Anna Nowak <anna@office.example> a scris:",
        "Pe 23.11.2026 10:11, Anna Nowak a scris:",
        "Pe miercuri, 12 august 2026 la 10:11:12 EET, Anna Nowak <anna@office.example> a scris:",
    ],
}

# Their words are in another order, or in another script.
FOREIGN = [
    "Anna Nowak <anna@office.example> 于2026年11月23日周一 10:11写道：",
    "Anna Nowak <anna@office.example> 於 2026年11月23日 週一 上午10:11寫道：",
    "2026年11月23日 10:11，Anna Nowak <anna@office.example> 写道：",
    '在 2026-11-23 10:11:12，"Anna Nowak" <anna@office.example> 写道：',
    "2026/11/23 10:11、Anna Nowak <anna@office.example>のメール:",
    "2026. 11. 23. 오전 10:11, Anna Nowak <anna@office.example> 작성:",
    "\u200fבתאריך יום ב׳, 23 בנוב׳ 2026 ב-10:11 מאת \u202aAnna\u202c\u200f <\u202aa@office.example\u202c\u200f>:\u200f",
    "في الاثنين، 23 نوفمبر 2026 في 10:11 ص تمت كتابة ما يلي بواسطة Anna <anna@office.example>:",
    "Στις Δευ 23 Νοε 2026 στις 10:11 π.μ., ο χρήστης Anna <anna@office.example> έγραψε:",
    "pon, 23. stu 2026. u 10:11 Anna Nowak <anna@office.example> napisao je:",
    "pirmd., 2026. g. 23. nov., plkst. 10:11 — lietotājs Anna (<anna@office.example>) rakstīja:",
    "El dl., 23 de nov. 2026, 10:11, Anna Nowak <anna@office.example> va escriure:",
    "Den tirs. 24. nov. 2026 kl. 10.11 skrev Anna Nowak <anna@office.example>:",
    "Vào Th 2, 23 thg 11, 2026 vào lúc 10:11 Anna Nowak <anna@office.example> đã viết:",
]
# Odd forms of languages above.
ODD = [
    "El lun., 23 de nov. de 2026 a la(s) 10:11 a. m., Anna Nowak <anna@office.example> escribió:",
    "Den mån 23 nov. 2026 10:11Anna Nowak <anna@office.example> skrev:",
    "On 23 Nov 2026 at 10:11 AM Anna (Office, Accounts receivable) <anna@office.example> wrote:",
    "Le lun. 23 nov. 2026 à 10:11, Anna via shop-list <shop-list@office.example> a écrit :",
    ">>> On Monday, November 23, 2026 at 10:11 AM, Anna Nowak <anna@office.example> wrote:",
]

LABELS = {
    "en": ("From", "Sent", "To", "Subject"),
    "en2": ("From", "Date", "To", "Subject"),
    "pl": ("Od", "Wysłano", "Do", "Temat"),
    "pl2": ("Od", "Data", "Do", "Temat"),
    "de": ("Von", "Gesendet", "An", "Betreff"),
    "de2": ("Von", "Datum", "An", "Betreff"),
    "fr": ("De", "Envoyé", "À", "Objet"),
    "fr2": ("De", "Date", "À", "Objet"),
    "es": ("De", "Enviado", "Para", "Asunto"),
    "es2": ("De", "Fecha", "Para", "Asunto"),
    "it": ("Da", "Inviato", "A", "Oggetto"),
    "it2": ("Da", "Data", "A", "Oggetto"),
    "pt": ("De", "Enviado", "Para", "Assunto"),
    "pt2": ("De", "Data", "Para", "Assunto"),
    "nl": ("Van", "Verzonden", "Aan", "Onderwerp"),
    "nl2": ("Van", "Datum", "Aan", "Onderwerp"),
    "cs": ("Od", "Odesláno", "Komu", "Předmět"),
    "cs2": ("Od", "Datum", "Komu", "Předmět"),
    "uk": ("Від", "Надіслано", "Кому", "Тема"),
    "uk2": ("Від", "Дата", "Кому", "Тема"),
    "ru": ("От", "Отправлено", "Кому", "Тема"),
    "ru2": ("От", "Дата", "Кому", "Тема"),
    "sv": ("Från", "Skickat", "Till", "Ämne"),
    "sv2": ("Från", "Datum", "Till", "Ämne"),
    "da": ("Fra", "Sendt", "Til", "Emne"),
    "da2": ("Fra", "Dato", "Til", "Emne"),
    "no": ("Fra", "Sendt", "Til", "Emne"),
    "fi": ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"),
    "sk": ("Od", "Odoslané", "Komu", "Predmet"),
    "hu": ("Feladó", "Elküldve", "Címzett", "Tárgy"),
    "ro": ("De la", "Trimis", "Către", "Subiect"),
    "zimbra-es": ("De", "Enviados", "Para", "Asunto"),
    "zimbra-pt": ("De", "Enviadas", "Para", "Assunto"),
    "zimbra-ru": ("От", "Отправленные", "Кому", "Тема"),
    "zimbra-hu": ("Feladó", "Elküldött üzenetek", "Címzett", "Tárgy"),
    "zimbra-ro": ("De la", "Trimise", "Către", "Subiect"),
    "zh": ("发件人", "发送时间", "收件人", "主题"),
    "ko": ("보낸 사람", "보낸 날짜", "받는 사람", "제목"),
    "he": ("מאת", "נשלח", "אל", "נושא"),
    "lt": ("Nuo", "Išsiųsta", "Kam", "Tema"),
}

SEPARATORS = {
    "en": [
        "-----Original Message-----",
        "---------- Forwarded message ---------",
        "-------- Original message --------",
        "-------- Forwarded Message --------",
    ],
    "pl": [
        "-----Oryginalna wiadomość-----",
        "-------- Oryginalna wiadomość --------",
        "---------- Przekazana wiadomość ---------",
        "-------- Wiadomość oryginalna --------",
    ],
    "de": [
        "-----Ursprüngliche Nachricht-----",
        "-------- Ursprüngliche Nachricht --------",
        "---------- Weitergeleitete Nachricht ---------",
        "-------- Originalnachricht --------",
    ],
    "fr": [
        "-----Message d'origine-----",
        "-------- Message d'origine --------",
        "---------- Message transféré ---------",
        "-------- Message original --------",
        "-----Message d’origine-----",
    ],
    "es": [
        "-----Mensaje original-----",
        "-------- Mensaje original --------",
        "---------- Mensaje reenviado ---------",
    ],
    "it": [
        "-----Messaggio originale-----",
        "-------- Messaggio originale --------",
        "---------- Messaggio inoltrato ---------",
    ],
    "pt": [
        "-----Mensagem original-----",
        "-------- Mensagem original --------",
        "---------- Mensagem encaminhada ---------",
    ],
    "nl": [
        "-----Oorspronkelijk bericht-----",
        "-------- Oorspronkelijk bericht --------",
        "---------- Doorgestuurd bericht ---------",
    ],
    "cs": [
        "-----Původní zpráva-----",
        "---------- Původní e-mail ----------",
        "---------- Přeposlaná zpráva ---------",
    ],
    "uk": [
        "-------- Вихідне повідомлення --------",
        "---------- Переслане повідомлення ---------",
    ],
    "ru": [
        "-----Исходное сообщение-----",
        "-------- Исходное сообщение --------",
        "-------- Пересылаемое сообщение --------",
    ],
    "sv": [
        "-----Ursprungligt meddelande-----",
        "-------- Originalmeddelande --------",
        "---------- Vidarebefordrat meddelande ---------",
    ],
    "da": [
        "-----Oprindelig meddelelse-----",
        "-------- Oprindelig besked --------",
        "---------- Videresendt besked ---------",
    ],
    "no": [
        "-----Opprinnelig melding-----",
        "-------- Opprinnelig melding --------",
    ],
    "fi": ["-----Alkuperäinen viesti-----", "---------- Välitetty viesti ---------"],
    "hu": ["-------- Továbbított üzenet --------"],
    "ro": ["-------- Mesaj înaintat --------"],
}

DEVICE_LINES = {
    "en": [
        "Sent from my iPhone",
        "Sent from my iPad",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Get Outlook for Android",
        "Sent from Mail for Windows",
        "Sent from my Samsung Galaxy smartphone.",
        "Sent from Yahoo Mail on Android",
        "Sent with Proton Mail secure email.",
        "Sent from Outlook for iOS",
        "Sent from my Galaxy",
        "Sent from my mobile phone",
        "Sent from Yahoo Mail for iPhone",
        "Sent from my Android device with K-9 Mail. Please excuse my brevity.",
        "Sent from my Huawei phone",
    ],
    "pl": [
        "Wysłane z iPhone'a",
        "Wysłane z iPhone’a",
        "Wysłano z iPhone'a",
        "Wysłane z mojego iPhone'a",
        "Pobierz aplikację Outlook dla systemu Android",
        "Wysłane z telefonu Samsung",
        "Wysłane z aplikacji Poczta dla Windows",
        "Wysłane z mojego urządzenia Samsung",
        "Wysłane z urządzenia Galaxy",
        "Wysłano z programu Outlook dla systemu Android",
        "Wysłane z iPada",
    ],
    "de": [
        "Von meinem iPhone gesendet",
        "Gesendet von meinem Galaxy-Gerät",
        "Von meinem iPad gesendet",
        "Gesendet von meinem Samsung Galaxy Smartphone.",
        "Gesendet von Outlook für Android",
        "Holen Sie sich Outlook für iOS",
        "Outlook für Android herunterladen",
        "Gesendet mit der GMX Mail App",
        "Diese Nachricht wurde von meinem Android Mobiltelefon mit GMX Mail gesendet.",
        "Gesendet von Mail für Windows",
        "Gesendet von meinem Handy",
    ],
    "fr": [
        "Envoyé de mon iPhone",
        "Envoyé depuis mon iPhone",
        "Envoyé de mon iPad",
        "Télécharger Outlook pour iOS",
        "Obtenez Outlook pour Android",
        "Envoyé à partir de Outlook pour Android",
        "Envoyé depuis mon smartphone Samsung Galaxy.",
    ],
    "es": [
        "Enviado desde mi iPhone",
        "Obtener Outlook para iOS",
        "Enviado desde Outlook para Android",
        "Enviado desde mi Samsung Galaxy",
        "Enviado desde Yahoo Mail para Android",
    ],
    "it": [
        "Inviato da iPhone",
        "Inviato da iPad",
        "Inviato dal mio iPhone",
        "Scarica Outlook per iOS",
        "Ottieni Outlook per Android",
        "Inviato da Outlook per iOS",
        "Inviato dal mio dispositivo Samsung",
    ],
    "pt": [
        "Enviado do meu iPhone",
        "Enviado a partir do meu iPhone",
        "Obter o Outlook para iOS",
        "Enviado do meu Samsung",
        "Enviado do Outlook para Android",
    ],
    "nl": [
        "Verstuurd vanaf mijn iPhone",
        "Verzonden vanaf mijn iPad",
        "Outlook voor Android downloaden",
        "Verzonden met Outlook voor iOS",
        "Verzonden vanaf mijn Galaxy",
        "Download Outlook voor Android",
    ],
    "cs": [
        "Odesláno z iPhonu",
        "Odesláno z mého iPhonu",
        "Odesláno ze zařízení Galaxy",
        "Získejte Outlook pro Android",
        "Odesláno z Outlooku pro Android",
        "Odesláno z mobilu Samsung",
    ],
    "uk": [
        "Надіслано з iPhone",
        "Надіслано з Пошти для Windows",
        "Надіслано з мого пристрою Galaxy",
        "Відправлено з iPhone",
        "Отримайте Outlook для Android",
    ],
    "ru": [
        "Отправлено с iPhone",
        "Отправлено с устройства Samsung Galaxy",
        "Отправлено со смартфона Samsung Galaxy",
        "Отправлено с моего iPhone",
        "Отправлено из Outlook для Android",
        "Отправлено из мобильной Почты Mail.ru",
        "Получить Outlook для iOS",
    ],
    "sv": [
        "Skickat från min iPhone",
        "Skickat från min iPad",
        "Hämta Outlook för iOS",
        "Skaffa Outlook för Android",
        "Skickat från Outlook för Android",
    ],
    "da": [
        "Sendt fra min iPhone",
        "Sendt fra min iPad",
        "Hent Outlook til iOS",
        "Få Outlook til Android",
        "Sendt fra Outlook til Android",
    ],
    "no": [
        "Sendt fra min iPhone",
        "Sendt fra min iPad",
        "Hent Outlook for iOS",
        "Skaff deg Outlook for Android",
    ],
    "fi": ["Lähetetty iPhonesta", "Lähetetty Galaxy-laitteestani", "Hanki Outlook for iOS"],
    "sk": ["Odoslané z iPhonu", "Odoslané z môjho Galaxy", "Získať Outlook pre iOS"],
    "hu": ["Az iPhone készülékemről küldve", "iPhone-ról küldve", "Az Outlook beszerzése iOS-hez"],
    "ro": [
        "Trimis de pe iPhone-ul meu",
        "Trimis de pe telefonul meu Galaxy",
        "Obțineți Outlook pentru iOS",
    ],
    "with a link": [
        "Outlook für iOS<https://outlook.example/o0> beziehen",
        "Outlook voor iOS<https://outlook.example/o0> downloaden",
        "Získat Outlook pro iOS<https://outlook.example/o0>",
        "Отримати Outlook для iOS<https://outlook.example/o0>",
        "Скачать Outlook для iOS<https://outlook.example/o0>",
        "Sent from my BlackBerry 10 smartphone on the Vodafone network.",
    ],
    "further": [
        "Wysłane z Yahoo Mail na urządzeniu z Androidem",
        "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
        "Von Yahoo Mail auf Android gesendet",
        "Verzonden vanaf mijn Samsung Galaxy-smartphone.",
        "Odesláno z Pošty pro Windows",
        "Sendt fra E-post for Windows",
        "Wysłane z mojego smartfonu Galaxy",
        "Sent with [Proton Mail](https://proton.example/) secure email.",
        "Sent from Mailspring (https://mailspring.example/), the best free email app for work",
        "Sent from Superhuman",
        "Sent from Spark",
        "Sent from my iPhone 17 Pro Max",
        "Sent from my T-Mobile 5G Device",
        "Sent from Edison Mail",
        "Sent from Canary (https://canarymail.example)",
        "Sent with Aqua Mail for Android\nhttps://www.aqua-mail.example",
        "Sent from my phone. Please excuse any typos.",
        "Von meinem/meiner Galaxy gesendet",
        "Von unterwegs gesendet",
        "Diese E-Mail wurde von meinem Android-Mobiltelefon mit WEB.DE Mail gesendet.",
        "Отправлено из Почты Mail",
        "Отправлено с устройства Galaxy",
        "Inviato da Yahoo Mail su Android",
        "Envoyé avec la messagerie sécurisée Proton Mail.",
        "Envoyé à partir d'Outlook pour Android",
        "Verstuurd vanaf mijn Samsung-smartphone.",
        "Skickat från Yahoo Mail på Android",
        "Отправлено из мобильной Яндекс Почты",
        "iPhoneから送信",
        "发自我的iPhone",
        "나의 iPhone에서 보냄",
    ],
}

RULED = [
    "---- Anna Nowak wrote ----",
    "---- On Mon, 23 Nov 2026 10:11:12 +0100 Anna Nowak <anna@office.example> wrote ----",
    "---- anna@office.example wrote ----",
    "---- Anna Nowak napisał(a) ----",
    "---- Anna Nowak schrieb ----",
    "---- Anna Nowak escribió ----",
    "---- Anna Nowak a écrit ----",
    ">>> Anna Nowak <anna@office.example> 23.11.2026 10:11 >>>",
    '>>> "Nowak, Anna" <anna@office.example> 11/23/2026 10:11 AM >>>',
    ">>> anna@office.example 23.11.2026 10.11 Uhr >>>",
    "\u2010\u2010\u2010\u2010\u2010 Original Message \u2010\u2010\u2010\u2010\u2010",
    "\u2500\u2500\u2500 Weitergeleitete Nachricht \u2500\u2500\u2500",
]

REPLY_MARKERS = [
    "##- Please type your reply above this line -##",
    "--- Reply above this line ---",
    "=== Bitte antworten Sie oberhalb dieser Linie ===",
    "##- Bitte geben Sie Ihre Antwort oberhalb dieser Zeile ein. -##",
    "##- Wpisz odpowiedź powyżej tej linii -##",
    "*** Please reply above this line to respond ***",
]

YOU_WROTE = [
    "Monday, November 23, 2026, 10:11:12 AM, you wrote:",
    "On Monday, November 23, 2026, 10:11:12 AM, you wrote:",
    "Вы писали 23 ноября 2026 г., 10:11:12:",
    "Am Montag, 23. November 2026 um 10:11:12 schrieben Sie:",
]

SIGNATURES = [
    "-- \nEwa Lis\nLis i Synowie sp. z o.o.\ntel. 22 555 01 00",
    "--\nCordialement,\nJean Dupont\nDirecteur commercial\nTél. 01 23 45 67 89",
    "--\nJan Kowal\nSales Manager\nwww.acme.example",
    "-- \nJan",
    "-- \nBest regards,\nJan Kowal",
    "-- \nJan Kowal\nAcme Sp. z o.o.\nul. Długa 5\n00-001 Warszawa\ntel. +48 22 123 45 67",
    "-- \nJan Kowal\nGPG: 1234 5678 9ABC",
    (
        "-- \nJan Kowal\nThis e-mail is confidential. If you are not the intended recipient, delete it."
    ),
    "-- \nJan Kowal | CTO | +1 555 0100\n12 Long Lane, London",
    "-- \nKierownik\nJan Kowal\nNIP 123-456-78-90\nbiuro@acme.example",
    (
        "-- \nMit freundlichen Grüßen\nJan Kowal\nMusterstraße 12\n12345 Berlin\nTel.: 030 123456\nHRB 1234"
    ),
    "-- \nPozdrawiam\nJan Kowal",
    "-- \nJan K.\nAcme sp. z o.o.\nwww.acme.example",
    "-- \nS pozdravem\nJan Kowal",
    "-- \nZ poważaniem\nJan van der Berg",
    "-- \nS pozdravom\nJan Kowal",
    "-- \nCu stimă\nJan Kowal",
    "-- \nJan Kowal\nPadarias Kowal, Lda.\nTelefone: 210 000 123",
    "-- \nJan Kowal\nPanificio Kowal s.n.c.\nTel. 06 5550 0123\nP.IVA 01234567890",
    "-- \nJan Kowal\nKowals Cykler ApS\nTlf. 55 50 12 34\nCVR 12345678",
    "-- \nJan Kowal\nPuusepät Kowal Oy\nPuh. 09 555 0123",
    "-- \nKowal Jan\nKowal Asztalos Kft.\nTel.: +36 1 555 0123",
]

LIST_FOOTERS = [
    (
        "-=-=-=-=-=-=-=-=-=-=-=-\n"
        "Groups.io Links: You receive all messages sent to this group.\n"
        "Unsubscribe: https://groups.example/g/shop/unsub\n"
        "-=-=-=-=-=-=-=-=-=-=-=-"
    ),
    "################\n\nTo unsubscribe from the SHOP list, click the link:\nhttps://lists.example/1",
    (
        "-- \n"
        "Reply to this email directly or view it on GitHub:\n"
        "https://github.example/shop/issues/12\n"
        "You are receiving this because you were mentioned."
    ),
    (
        "_______________________________________________\n"
        "Shop Mailingliste -- shop@lists.example\n"
        "Zur Abmeldung senden Sie eine Nachricht an shop-leave@lists.example"
    ),
    "--\nSecured with Tuta Mail:\nhttps://tuta.example/free-email",
    (
        "--\n"
        "To unsubscribe, e-mail: shop-unsubscribe@lists.example\n"
        "For additional commands, e-mail: shop-help@lists.example"
    ),
    (
        "-- \n"
        'You received this message because you are subscribed to the Google Groups "shop" '
        "group.\n"
        "To unsubscribe from this group and stop receiving emails from it, send an email to "
        "shop+unsubscribe@googlegroups.example.\n"
        "To view this discussion visit https://groups.example/d/1."
    ),
    (
        "---------------------------------------------------------------------\n"
        "To unsubscribe, e-mail: shop-unsubscribe@lists.example\n"
        "For additional commands, e-mail: shop-help@lists.example"
    ),
    (
        "_______________________________________________\n"
        "shop mailing list\n"
        "shop@lists.example\n"
        "https://lists.example/listinfo/shop"
    ),
    (
        "_______________________________________________\n"
        "shop mailing list -- shop@lists.example\n"
        "To unsubscribe send an email to shop-leave@lists.example"
    ),
]


def _each(table: dict[str, list[str]]) -> list[str]:
    return [line for lines in table.values() for line in lines]


def _quoted(mark: str = "> ") -> str:
    return "\n".join(f"{mark}{line}" for line in BODY.split("\n"))


@pytest.mark.parametrize("attribution", _each(ATTRIBUTIONS))
class TestAttribution:
    def test_goes_with_the_quote_below(self, attribution: str) -> None:
        for gap in ("\n", "\n\n"):
            assert strip_quotes(f"{OWN}\n\n{attribution}{gap}{_quoted()}") == OWN
            assert strip_quotes(f"{OWN}\n{attribution}{gap}{_quoted()}") == OWN

    def test_goes_with_the_quote_above_the_answer(self, attribution: str) -> None:
        assert strip_quotes(f"{attribution}\n{_quoted()}\n\n{OWN}") == OWN

    def test_goes_with_a_quote_marked_by_bars(self, attribution: str) -> None:
        assert strip_quotes(f"{OWN}\n\n{attribution}\n{_quoted('| ')}") == OWN

    def test_goes_when_it_is_wrapped_before_the_address(self, attribution: str) -> None:
        wrapped = attribution.replace(" <", "\n<", 1)
        assert strip_quotes(f"{OWN}\n\n{wrapped}\n{_quoted()}") == OWN

    def test_goes_when_it_is_broken_within_the_address(self, attribution: str) -> None:
        for broken in (attribution.replace("<", "<\n", 1), attribution.replace(">", "\n>", 1)):
            assert strip_quotes(f"{OWN}\n\n{broken}\n{_quoted()}") == OWN

    def test_goes_without_marks_if_it_has_an_address_and_a_date(self, attribution: str) -> None:
        mail = f"{OWN}\n\n{attribution}\n\n{BODY}"
        if not any(map(str.isdecimal, attribution)):
            assert strip_quotes(mail) == mail
        elif "@" in attribution:
            assert strip_quotes(f"{OWN}\n\n{attribution}\n\n{BODY}") == OWN

    def test_keeps_the_answers_between_quotes(self, attribution: str) -> None:
        mail = f"{attribution}\n> When?\n\nTuesday.\n\n> How many?\n\nTwenty."
        assert strip_quotes(mail) == mail


NAMES = [
    "Müller, Hans", "Jean-Pierre L'Hôte", "Иван Петров", "Łukasz Żółć", "Maria del Carmen García",
    "Jan van der Berg", "ACME GmbH - Vertrieb", "Sophie (Acme)", "李雷", "Dr. Karl Braun", "Martin May",
    "Kowalska Anna | Firma", "Service der Acme Handel GmbH & Co. KG", '"Biuro"', "Anna Nowak via Trello", "info",
    "jan.kowalski",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_attribution_may_have_any_name(name: str) -> None:
    for attribution in _each(ATTRIBUTIONS):
        if "Anna Nowak <" in attribution:
            other = attribution.replace("Anna Nowak", name)
            assert strip_quotes(f"{OWN}\n\n{other}\n{_quoted()}") == OWN


@pytest.mark.parametrize("name", ["Desk", "Marta", "Julia"])
def test_a_name_may_begin_like_a_month_or_a_weekday(name: str) -> None:
    for attribution in _each(ATTRIBUTIONS):
        other = attribution.replace("Anna Nowak", name)
        assert strip_quotes(f"{OWN}\n\n{other}\n{_quoted()}") == OWN


@pytest.mark.parametrize("name", ["Отдел продаж", "Apoio ao Cliente", "The boat yard", "Die Werft"])
def test_the_name_of_a_recipient_may_have_any_words(name: str) -> None:
    for attribution in _each(ATTRIBUTIONS):
        other = attribution.replace("Anna Nowak", name)
        recipients = ("Jan Kowal", name)
        assert strip_quotes(f"{OWN}\n\n{other}\n{_quoted()}", recipients=recipients) == OWN


def test_only_a_whole_name_of_a_recipient_is_one() -> None:
    own = f"{OWN}\n\nOn 23/11/2026 10:11, the boat yards wrote:\n{_quoted()}"
    assert strip_quotes(own, recipients=("the boat yard",)) == own


@pytest.mark.parametrize(
    "name", ["L'équipe de la boutique", "The Acme team (support)", "Dział obsługi klienta"]
)
def test_an_organization_has_words_in_lower_case_behind_a_date_and_time(name: str) -> None:
    for attribution in _each(ATTRIBUTIONS):
        before, found, _ = attribution.partition("Anna Nowak <")
        if found and "10:11" in before:
            other = attribution.replace("Anna Nowak", name)
            assert strip_quotes(f"{OWN}\n\n{other}\n{_quoted()}") == OWN


@pytest.mark.parametrize(("sender", "sent", "to", "subject"), LABELS.values(), ids=list(LABELS))
class TestHeader:
    DATE = "Mon, 23 Nov 2026 10:11"

    def test_of_four_lines(self, sender: str, sent: str, to: str, subject: str) -> None:
        for who in ("Anna Nowak <anna@office.example>", "Anna Nowak"):
            header = f"{sender}: {who}\n{sent}: {self.DATE}\n{to}: Jan Kowal\n{subject}: Ware"
            assert strip_quotes(f"{OWN}\n\n{header}\n\n{BODY}") == OWN
            assert strip_quotes(f"{OWN}\n\n{'_' * 32}\n{header}\n\n{BODY}") == OWN

    def test_without_a_subject(self, sender: str, sent: str, to: str, subject: str) -> None:
        header = f"{sender}: Anna <anna@office.example>\n{sent}: {self.DATE}\n{to}: Jan"
        assert strip_quotes(f"{OWN}\n\n{header}\n\n{BODY}") == OWN
        assert subject not in header.split("\n")

    def test_of_one_line_or_two(self, sender: str, sent: str, to: str, subject: str) -> None:
        for end in (" ", "\n"):
            header = (
                f"{sender}: Anna <a@x.example> {sent}: {self.DATE}{end}{to}: Jan {subject}: Ware"
            )
            assert strip_quotes(f"{OWN}\n\n{header}\n\n{BODY}") == OWN

    def test_at_the_very_top_keeps_the_letter(
        self, sender: str, sent: str, to: str, subject: str
    ) -> None:
        header = f"{sender}: Anna <a@x.example>\n{sent}: {self.DATE}\n{to}: Jan\n{subject}: Ware"
        letter = f"{header}\n\n{OWN}"
        assert strip_quotes(letter) == letter
        quote = f"On 23 Nov 2026, at 10:11, Anna <anna@office.example> wrote:\n{_quoted()}"
        assert strip_quotes(f"{letter}\n\n{quote}") == letter


@pytest.mark.parametrize("separator", _each(SEPARATORS) + RULED)
def test_what_follows_a_separator_goes(separator: str) -> None:
    assert strip_quotes(f"{OWN}\n\n{separator}\n{BODY}") == OWN
    assert strip_quotes(f"{OWN}\n\n{separator}\n{_quoted()}") == OWN


@pytest.mark.parametrize("marker", REPLY_MARKERS)
def test_the_request_of_a_help_desk_goes_with_the_quote_below(marker: str) -> None:
    attribution = "On 23 Nov 2026, at 10:11, Anna <anna@office.example> wrote:"
    for rest in ("", _quoted(), f"{attribution}\n{_quoted()}", f"{attribution}\n\n{BODY}"):
        assert strip_quotes(f"{OWN}\n\n{marker}\n{rest}") == OWN
    quoted = _quoted(f"> {marker}\n> ")
    assert strip_quotes(f"{OWN}\n\n{quoted}") == OWN


@pytest.mark.parametrize("attribution", YOU_WROTE)
def test_a_program_may_address_the_reader(attribution: str) -> None:
    for quote in (_quoted(), _quoted("AN> "), "AN> Hello,\n\nAN> when?"):
        assert strip_quotes(f"{OWN}\n\n{attribution}\n\n{quote}") == OWN


@pytest.mark.parametrize("attribution", FOREIGN + ODD)
def test_an_attribution_in_another_order_or_script_goes(attribution: str) -> None:
    assert strip_quotes(f"{OWN}\n\n{attribution}\n\n{BODY}") == OWN
    if attribution[0] != ">":
        assert strip_quotes(f"{OWN}\n\n{attribution}\n{_quoted()}") == OWN
        assert strip_quotes(f"{attribution}\n{_quoted()}\n\n{OWN}") == OWN


def test_a_header_on_the_line_of_its_title_goes() -> None:
    header = "From: Anna <a@x.example> Date: 23.11.2026  10:11 To: Jan Subject: Ware"
    assert strip_quotes(f"{OWN}\n\n-------- Original message --------{header}\n{BODY}") == OWN
    ruled = f"{'-' * 18} Original {'-' * 18}\n{header.replace(' Date', chr(10) + 'Date')}"
    assert strip_quotes(f"{OWN}\n\n{ruled}\n\n{BODY}") == OWN


LONG_DATES = {
    "pl": "poniedziałek, 23 listopada 2026 10:11",
    "de": "Montag, 23. November 2026 10:11",
    "de2": "23. Jänner 2026 10:11",
    "sk": "pondelok 23. novembra 2026 10:11",
    "he": "יום שני 23 נובמבר 2026 10:11",
    "lt": "2026 m. lapkričio 23 d., pirmadienis 10:11",
}


@pytest.mark.parametrize("language", list(LONG_DATES))
def test_a_header_with_a_long_date_needs_no_address(language: str) -> None:
    sender, sent, to, subject = LABELS[language.replace("de2", "de")]
    header = f"{sender}: Anna\n{sent}: {LONG_DATES[language]}\n{to}: Jan\n{subject}: Ware"
    assert strip_quotes(f"{OWN}\n\n{header}\n\n{BODY}") == OWN


def test_a_header_with_a_date_in_numbers_needs_no_address_if_it_is_that_of_the_answered_mail() -> (
    None
):
    author, subject = "Kowal, Jan <jan@x.example>", "AW: Ware 7"
    for to, title in (("Jan Kowal", "Bolts"), ("the office", "WG: Ware 7")):
        header = f"From: Anna\nSent: 23.11.2026 10:11\nTo: {to}; Eva\nCc: Tom\nSubject: {title}"
        mail = f"{OWN}\n\n{header}\n\n{BODY}"
        assert strip_quotes(mail, author=author, subject=subject) == OWN
        assert strip_quotes(mail, author="Eva Lis <e@x.example>", subject="Ware 7") == mail


@pytest.mark.parametrize("label", ["Message", "Pytanie", "Frage"])
def test_a_header_of_outlook_goes_above_the_labels_of_a_form(label: str) -> None:
    header = "From: Anna <a@x.example>\nSent: Monday, November 23, 2026 10:11 AM\nTo: Jan"
    form = f"Subject: Ware\n\n{label}: when do you deliver?"
    assert strip_quotes(f"{OWN}\n\n{header}\n{form}") == OWN


def test_a_quote_may_be_on_the_line_of_its_attribution() -> None:
    attribution = "On Mon, 23 Nov 2026 at 10:11, Anna<anna@office.example> wrote:"
    quote = f"  {attribution}   When do the boxes arrive? \n Anna  "
    mail = f"{OWN}\n\nSent from Yahoo Mail on Android \n \n{quote}"
    assert strip_quotes(mail, subject="Re: Boxes") == OWN
    assert strip_quotes(mail, subject="Minutes") == mail
    for own in ("Anna <a@x.example> wrote:   Tuesday", "At 10:11 he wrote:   no"):
        assert strip_quotes(f"{OWN}\n\n{own}", subject="Re: Boxes") == f"{OWN}\n\n{own}"


def test_a_quote_without_marks_may_be_directly_below_an_attribution_with_seconds() -> None:
    mail = f"{OWN}\n\nOn 23/11/2026 10:11:12, Anna <anna@office.example> wrote:\n{BODY}"
    assert strip_quotes(mail, subject="Re: Boxes") == OWN
    for own in (mail.replace(":12,", ","), mail.replace(" <anna@office.example>", "")):
        assert strip_quotes(own, subject="Re: Boxes") == own
    assert strip_quotes(mail, subject="Minutes") == mail


FORWARDS = [
    "Begin forwarded message:",
    "Anfang der weitergeleiteten Nachricht:",
    "Začiatok preposlanej správy:",
    "Välitetty viesti alkaa:",
    "Початок переадресованого повідомлення:",
    "Továbbított levél kezdete:",
    "Începutul mesajului redirecționat:",
]


@pytest.mark.parametrize("title", FORWARDS)
def test_a_forwarded_mail_goes_with_its_title(title: str) -> None:
    header = (
        "From: Anna Nowak <anna@office.example>\nSubject: Ware\nDate: 23 November 2026\nTo: Jan"
    )
    assert strip_quotes(f"{OWN}\n\n{title}\n\n{header}\n\n{BODY}") == OWN


def test_labels_between_a_rule_and_an_attribution_go() -> None:
    attribution = '23.11.2026, 10:11, "Anna Nowak" <anna@office.example>:'
    labels = f"{'-' * 16}\nКому: Jan (jan@x.example);\nТема: Ware;"
    assert strip_quotes(f"{OWN}\n\n{labels}\n{attribution}\n\n{BODY}") == OWN


def test_a_link_below_the_line_of_a_device_stays_unless_it_is_the_products() -> None:
    mail = f"{OWN}\n\nSent from my iPhone\nhttps://shop.example/valves"
    assert strip_quotes(mail) == mail


def test_a_rule_directly_above_a_quoted_header_goes_with_it() -> None:
    header = "> Od: Anna <anna@office.example>\n> Komu: Jan\n> Datum: 23.11.2026 10:11\n>\n> Hello"
    assert strip_quotes(f"{OWN}\n{'_' * 60}\n{header}") == OWN


@pytest.mark.parametrize("line", _each(DEVICE_LINES))
def test_the_line_of_a_device_goes(line: str) -> None:
    assert strip_quotes(f"{OWN}\n\n{line}") == OWN
    attribution = "On 23 Nov 2026, at 10:11, Anna <anna@office.example> wrote:"
    assert strip_quotes(f"{OWN}\n\n{line}\n\n{attribution}\n{_quoted()}") == OWN


@pytest.mark.parametrize("signature", SIGNATURES + LIST_FOOTERS)
def test_a_signature_goes(signature: str) -> None:
    attribution = "On 23 Nov 2026, at 10:11, Anna <anna@office.example> wrote:"
    for author in ("Jan Kowal", "Jean Dupont"):
        is_by = author.split()[0] in signature
        if is_by or (signature != "-- \nJan" and "\n--\n" not in f"\n{signature}"):
            assert strip_quotes(f"{OWN}\n\n{signature}", author=author) == OWN
            mail = f"{attribution}\n{_quoted()}\n\n{OWN}\n\n{signature}"
            assert strip_quotes(mail, author=author) == OWN


@pytest.mark.parametrize(
    "author", ["Ewa Lis <e@x.example>", "ewa@x.example", "<office@lis-shop.example>"]
)
def test_a_typed_delimiter_needs_a_signature_that_names_the_author(author: str) -> None:
    signature = "Ewa\nLis Shop\nwww.lis-shop.example"
    assert strip_quotes(f"{OWN}\n--\n{signature}", author=author) == OWN
    mail = f"{OWN}\n--\n{signature}"
    assert strip_quotes(mail, author="Anna Nowak <anna@office.example>") == mail
    assert strip_quotes(f"{OWN}\n-- \n{signature}", author="Anna Nowak") == OWN


@pytest.mark.parametrize("footer", LIST_FOOTERS)
def test_the_footer_of_a_list_goes_below_a_signature(footer: str) -> None:
    assert strip_quotes(f"{OWN}\n\n-- \nEva\n{footer}") == OWN


BOMBS = [
    "> a", "-- ", "--", "-----Original Message-----", "From: J\nSent: 1\nTo: a@b", "_" * 20,
    "Sent from my iPhone", "--- Reply above this line ---", "Begin forwarded message:", "10:11:", "a <b@\n> wrote:",
    "On 1.2.2026 10:11 a wrote:\n| b", "---- 1@ wrote ----", ">>> a@b 1.1.2026 10:11 >>>",
    "a, 10:11:\nAN> a", f"{'<' * 390}:", f"{'(@' * 190}:",
    f"{'1 ' * 190}:", f"{'x: ' * 100}", "On 1.2.2026 10:11 x@ wrote:\n> b\nc",
]  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("gap", ["\n", "\n\n", ""])
def test_many_marks_take_a_time_that_grows_with_their_number_only(bomb: str, gap: str) -> None:
    mail = (bomb + gap) * (250_000 // len(bomb + gap))
    started = time.process_time()
    strip_quotes(mail)
    assert time.process_time() - started < 1.0  # 0.2 on an idle machine
