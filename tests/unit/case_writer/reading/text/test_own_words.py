"""Sentences that look like marks of mail programs and are the author's own words: none is dropped."""

import pytest

from services.case_writer.reading.text.quotes import strip_quotes

LIKE_ATTRIBUTIONS = [
    "On 12 March 2026 at 10:30 I wrote to you about the following:",
    "am 12.03.2026 schrieb mir Ihr Kollege:",
    "Am 12.03.2026 um 10:30 schrieb Ihr Kollege:",
    "Am 12.03.2026 um 10:30 Uhr schrieb ich Ihnen:",
    "Am 12.03.2026 um 10:30 schrieb Herr Müller:",
    "On 12 March 2026 at 10:30 your colleague Anna Nowak wrote:",
    "On 12 March 2026 at 10:30, Mr Smith wrote:",
    "On Monday, 12 March 2026, at 10:30, we wrote to anna@office.example:",
    "On 12 March 2026 at 10:30 I wrote to Anna Nowak <anna@office.example>:",
    "On 12.03.2026 at 10:30 I sent Anna <anna@office.example> this order:",
    "W dniu 12.03.2026 o 10:30 pisałem do Państwa w sprawie:",
    "W dniu 12.03.2026 o 10:30, Pani Anna napisała:",
    "W dniu 12.03.2026 o 10:30 Państwa pracownik napisał:",
    "W dniu wczorajszym klient napisał:",
    "Dnia 12.03.2026 o 10:30 wysłałem na adres <biuro@firma.example> pismo:",
    "Le 12/03/2026 à 10:30, votre collègue nous a écrit :",
    "Le 12 mars 2026 à 10:30 je vous ai écrit ce qui suit :",
    "Le 12 mars 2026 à 10:30, Madame Dupont a écrit :",
    "El 12/03/2026 a las 10:30 su colega me escribió:",
    "El 12 de marzo de 2026 a las 10:30 les escribí lo siguiente:",
    "Il 12/03/2026 alle 10:30 il vostro collega mi ha scritto:",
    "Il giorno 12 marzo 2026 alle ore 10:30 vi ho scritto quanto segue:",
    "Em 12/03/2026 às 10:30 o vosso colega escreveu:",
    "Em 12 de março de 2026 às 10:30 escrevi o seguinte:",
    "Op 12 maart 2026 om 10:30 schreef uw collega:",
    "Op 12-03-2026 om 10:30 heb ik u het volgende geschreven:",
    "Op 12 maart 2026 om 10:30 schreef ik u:",
    "Dne 12.03.2026 v 10:30 mi váš kolega napsal:",
    "Dne 12. 3. 2026 v 10:30 jsem vám psal:",
    "12 березня 2026 о 10:30 ваш колега написав:",
    "12 марта 2026 в 10:30 ваш коллега написал:",
    "12.03.2026 в 10:30 я написал вам:",
    "Den 12 mars 2026 kl 10:30 skrev er kollega:",
    "Den 12. marts 2026 kl. 10.30 skrev jeg til jer:",
    "12. mars 2026 kl. 10:30 skrev jeg:",
    "She said at 10:30 on 12.03.2026:",
    "The driver, Jan Kowal <jan@x.example>, wrote:",
    "My colleague Anna <anna@office.example> wrote:",
    "Please write to Anna Nowak <anna@office.example>:",
    "Contact: Anna Nowak <anna@office.example>",
    "Meeting on 12.03.2026 10:30, Room Berlin:",
    "Delivery 12.03.2026 10:30, Warsaw:",
    "As agreed on 12.03.2026 at 10:30 with Anna Nowak <anna@office.example>:",
    "Report of 12.03.2026, 10:30, sent to office@office.example:",
]

LIKE_DEVICE_LINES = [
    "Sent via DHL, tracking number 4711 0815",
    "Sent from my own balcony, these flowers are for the whole team",
    "Sent from my warehouse on Monday",
    "Sent from my iPhone 15 boxes are missing",
    "Sent from Samsung Electronics with two parts missing",
    "Sent with best wishes from all of us",
    "Get Outlook for the whole team, please",
    "Get the phone",
    "Wysłane z mojego magazynu w Łodzi",
    "Wysłane z telefonu były tylko zdjęcia",
    "Wysłano z urządzenia 3 raporty",
    "Wysłane kurierem DPD, numer 12345",
    "Von meinem Konto wurde zweimal abgebucht",
    "Von meinem iPhone gesendet wurden nur zwei Bilder",
    "Gesendet mit der Post am Montag",
    "Gesendet von meinem Lager in Berlin",
    "Gesendet mit DHL, Nummer 12345",
    "Envoyé de mon bureau à Lyon",
    "Envoyé de mon entrepôt par Chronopost",
    "Enviado desde mi almacén en Madrid",
    "Inviato da Milano con corriere",
    "Enviado do meu escritório em Lisboa",
    "Verzonden vanaf mijn magazijn",
    "Verzonden met PostNL",
    "Odesláno z našeho skladu",
    "Надіслано з мого складу",
    "Отправлено с моего склада",
    "Skickat från min butik",
    "Sendt fra min butik i Oslo",
    "Sendt med PostNord",
    "Download the app",
    "Hent varerne",
]

LIKE_HEADERS = [
    "From: Warsaw\nTo: Berlin\nDate: 12.03.2026",
    "From: Warsaw\nTo: Berlin\nDate: 12.03.2026 10:30\nSubject: transport of 20 pallets",
    "Von: Berlin\nAn: München\nDatum: 12.03.2026\nBetreff: Transport",
    "Od: 12.03.2026\nDo: 15.03.2026\nTemat: urlop",
    "Od: poniedziałku\nDo: piątku\nData: do ustalenia",
    "De: Paris\nÀ: Lyon\nDate: 12/03/2026",
    "From: 9:00\nTo: 17:00",
    "To: the whole team\nSubject: holidays",
]

LIKE_RULES = [
    "----- Order -----",
    "---- What Anna wrote ----",
    "------------------------------",
    "| item | count |\n| bolt | 20 |",
    "|x| = 5",
    "| a\n| b",
    "Original message",
    "Forwarded message follows below the line",
    "_______________\nPlease sign here",
    "mailing list: please add me",
]

LIKE_SIGNATURES = [
    "--\n3 boxes of bolts M8\n20 pcs nuts",
    "-- \n3 boxes of bolts M8\n20 pcs nuts",
    "-- \nOrder:\n10 x chair\n4 x table",
    "--\nPlease send 20 chairs to Berlin.",
    "--\nWhen can you deliver?",
    "--\nZamówienie:\n- krzesło 10 szt.\n- stół 4 szt.",
    "-- \nBestellung:\n10 Stück Schrauben\n5 kg Nägel",
    "-- \nBitte liefern Sie bis Freitag.",
    "-- \nCommande:\n12 chaises\n3 tables",
    "-- \nPedido: 12 sillas",
    "-- \nArt. 4711: 20\nArt. 4712: 30",
    "-- \nPS: the door code is 4711",
    "-- \nAnna will call you tomorrow morning",
    "--\nchairs\ntables\nlamps\nbeds\nshelves\nsofas",
    "-- \nJan Kowal\nPS: please also send 3 lamps",
    "--\nChairs: 20\nTables: 4",
    "--\nKrzesła 20\nStoły 4",
]

OWN_WORDS = LIKE_ATTRIBUTIONS + LIKE_DEVICE_LINES + LIKE_HEADERS + LIKE_RULES + LIKE_SIGNATURES


@pytest.mark.parametrize("own", OWN_WORDS)
def test_own_words_stay_wherever_they_stand(own: str) -> None:
    for mail in (
        f"Good morning,\n\n{own}\n\nPlease answer.\n\nJan",
        f"Good morning,\n\n{own}\nPlease answer.",
        f"Good morning,\n\n{own}",
        f"{own}\n\nPlease answer.",
    ):
        assert strip_quotes(mail) == mail


@pytest.mark.parametrize("own", LIKE_ATTRIBUTIONS + LIKE_DEVICE_LINES)
def test_own_words_stay_above_a_quote(own: str) -> None:
    quote = "> first\n>\n> second"
    assert strip_quotes(f"Good morning,\n\n{own}\n{quote}") == f"Good morning,\n\n{own}"
    assert own in strip_quotes(f"{own}\n{quote}\n\nPlease answer.")


@pytest.mark.parametrize("own", OWN_WORDS)
def test_own_words_stay_when_a_real_quote_follows(own: str) -> None:
    mail = f"Good morning,\n\n{own}\n\nPlease answer."
    quote = "On 23 Nov 2026, at 10:11, Anna Nowak <anna@office.example> wrote:\n\n> When?"
    assert strip_quotes(f"{mail}\n\n{quote}") == mail
