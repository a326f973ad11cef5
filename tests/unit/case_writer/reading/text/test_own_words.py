"""Sentences that look like marks of mail programs but are the author's own words. None
is removed.
"""

import pytest

from services.case_writer.reading.text.quotes import strip_quotes

LIKE_ATTRIBUTIONS = [
    "Am 12.03.2026 um 10:30 schrieb der Fahrer:",
    "Den 12.03.2026 kl. 10.30 skrev den nye chauffør:",
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
    "On 3 May 2026 at 14:00, the driver called and wrote down:",
    "On 3 May 2026, at 14:00, nobody from your team wrote back:",
    "On Tuesday, 3 May 2026, at 14:00, Anna and I wrote the following:",
    "On Mon, May 3, 2026 at 2:00 PM our customer Anna Nowak <anna@x.example> wrote:",
    "In her mail of 3 May 2026, 14:00, Anna Nowak <anna@x.example> wrote:",
    "Anna Nowak <anna@x.example> wrote to me:",
    "Anna Nowak <anna@x.example> wrote yesterday:",
    "Anna wrote on Monday that it works:",
    "23.11.2026 10:11 Anna Nowak <anna@klient.example> napisała list.",
    "From Anna Nowak <anna@x.example>:",
    "For Anna Nowak <anna@x.example>, 3 May 2026, 14:00:",
    "Visitors on 3 May 2026, 14:00: Anna Nowak <anna@x.example>",
    "Attendees: Anna Nowak <anna@x.example>, Jan Kowal <jan@x.example>:",
    "3 May 2026, 14:00, Berlin: meeting with Anna <anna@x.example>",
    "Termin: 03.05.2026, 14:00 Uhr, Anna Nowak <anna@x.example>",
    "W dniu 3 maja 2026 o godz. 14:00 odbędzie się spotkanie:",
    "W dniu 03.05.2026 o 14:00 wysłaliśmy do <biuro@x.example> zamówienie:",
    "W dniu 03.05.2026 r. klient Jan Kowalski <jan@x.example> napisał do nas:",
    "Am 03.05.2026 um 14:00 schrieb mir Anna Nowak <anna@x.example>:",
    "Am 03.05.2026 um 14:00 schrieb unsere Kundin Anna Nowak:",
    "Am Montag, 3. Mai 2026 um 14:00 Uhr schrieb der Fahrer:",
    "Am 3. Mai 2026 um 14:00 Uhr haben wir Folgendes geschrieben:",
    "Am 3. Mai 2026 haben Sie geschrieben:",
    "Le 3 mai 2026 à 14:00, vous avez écrit :",
    "Le 03/05/2026 à 14:00, on nous a écrit :",
    "Le 3 mai 2026 à 14:00, notre client Jean Dupont <jean@x.example> a écrit :",
    "El 3 de mayo de 2026 a las 14:00, usted escribió:",
    "El 03/05/2026, a las 14:00, nuestro cliente escribió:",
    "Il 3 maggio 2026, alle ore 14:00, Lei ha scritto:",
    "Il 03/05/2026 alle 14:00, il cliente ha scritto:",
    "Em 3 de maio de 2026, às 14:00, o cliente escreveu:",
    "No dia 03/05/2026, às 14:00, você escreveu:",
    "Op 3 mei 2026 om 14:00 schreef u:",
    "Op 03-05-2026 om 14:00 schreef mijn klant:",
    "Dne 3. 5. 2026 v 14:00 zákazník napsal:",
    "3 травня 2026 р. о 14:00 клієнт написав:",
    "3 мая 2026 г. в 14:00 клиент написал:",
    "Den 3 maj 2026 kl. 14:00 skrev kunden:",
    "Den 3. maj 2026 kl. 14.00 skrev du:",
    "Den 3. mai 2026 kl. 14:00 skrev dere:",
    "On Monday, May 3, 2026, at 14:00, you wrote:",
    "On Monday, May 3, 2026, at 14:00:12 you wrote to Anna:",
    "Вы писали 3 мая 2026 г.:",
    "昨天 2026年11月22日 10:11 客户王小明 <w@x.example> 写道：",
    "我的同事王小明 <w@x.example> 于2026年11月22日写道：",
    "2026年11月22日 10:11 上海贸易有限公司 <w@x.example> 写道：",
    "私の同僚の山田 <y@x.example> 2026/11/22 10:11のメール:",
    "Στις 23 Νοε 2026 στις 10:11 ο οδηγός Γιάννης <g@x.example> έγραψε:",
    "Dana 23. stu 2026. u 10:11 vozač Ivan <i@x.example> napisao je:",
    "On 3 May 2026 at 14:00 Anna (our customer) <anna@x.example> wrote:",
    "On 3 May 2026 at 14:00 Anna (customer in Berlin) <anna@x.example> wrote:",
    "On 3 May 2026, at 14:00, Anna wrote of 5 m³ and ³ and +² <anna@x.example>:",
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
    "Sent from the airport, sorry for typos",
    "Sent from my phone, so please forgive the short answer to your long question",
    "Sent from my Samsung account on Monday",
    "Sent from my iPad to the printer",
    "Sent from Android to iOS users",
    "Sent via mobile courier",
    "Sent with Outlook problems",
    "Sent via my assistant",
    "Sent from our office in Windows Street",
    "Get iOS 18 on all devices",
    "Get Windows for the new laptops",
    "Outlook für iOS funktioniert bei uns nicht mehr",
    "Outlook voor Android werkt niet meer",
    "Download Outlook for the new colleague",
    "Download Windows",
    "Wysłane z iPhone'a Anny",
    "Wysłane z Warszawy kurierem",
    "Wysłano z magazynu głównego",
    "Wysłane z aplikacji mobilnej zamówienie nr 4",
    "Pobierz Windows",
    "Von meinem Telefon aus ging es nicht",
    "Von meinem Handy konnte ich es nicht senden",
    "Gesendet von Anna",
    "Gesendet mit der GLS",
    "Gesendet mit Windows Mail, bitte prüfen",
    "Envoyé de mon iPhone hier soir",
    "Envoyé de Paris",
    "Enviado desde mi casa",
    "Inviato da Mario",
    "Enviado do Porto",
    "Verzonden met DHL",
    "Odesláno z Prahy",
    "Надіслано з Києва",
    "Отправлено с почты",
    "Отправлено со склада",
    "Отправлено с устройства 3 отчёта",
    "Skickat från Stockholm",
    "Sendt fra Oslo",
    "Sendt fra min kone",
    "Sent from Spark Street, Leeds",
    "Sent with the best work of our team",
    "Download Outlook",
    "Sent from Edison",
    "Sent from Canary Wharf",
    "Sent from Nine Elms by mail",
    "Sent from Orange by courier",
    "Sent by phone",
    "Sent from my Galaxy 12 of them",
    "Sent from my iPhone 150",
    "Sent from my phone. Please excuse the late delivery.",
    "Sent from Samsung-Works",
    "Envoyé avec Chronopost",
    "Envoyé à partir de Lyon",
    "Enviado con Correos",
    "Von unterwegs gesendet wurde nichts",
    "発送はiPhoneから送信しました",
    "発送から送信",
    "Sent from Dortmund (https://dhl.example/4711)",
    "To do:\n- install the printer\n- Download Outlook for Mac",
    "My advice:\n\nGet Outlook for Windows",
    "Woher ist das Foto?\nVon meinem Handy",
    "Which mails arrive?\n* Sent from Gmail\n* Sent from Outlook",
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
    "From: Gate 4\nTo: Gate 7\nSubject: please move the crates",
    "From: 10:00\nTo: 12:00\nDate: 3 May 2026",
    "From: Berlin Hbf\nTo: Wien Hbf\nDate: 3 May 2026 10:30\nSubject: group ticket",
    "Von: 03.05.2026\nBis: 05.05.2026",
    "Data: 03.05.2026\nTemat: szkolenie\nOd: 10:00\nDo: 12:00",
    "Subject: the invoice\nDate: today",
    "De: 10h\nA: 12h\nFecha: 3 de mayo\nAsunto: reunión",
    "Da: Milano\nA: Roma\nData: 03/05/2026",
    "To: Anna\nFrom: Jan\nwith love",
    (
        "Return-Path: <x@y.example>\nReceived: from a by b; Mon, 23 Nov 2026 10:11:12 +0100\n"
        "From: x@y.example\nTo: office\nSubject: win now\nDate: Mon, 23 Nov 2026 10:11:12 +0100"
    ),
    "Absender: A <a@x.example>\nEmpfänger: B <b@x.example>\nDatum: 23.11.2026\nGewicht: 240 kg",
    "Nadawca: A <a@x.example>\nAdresat: B <b@x.example>\nTemat: paleta\nWaga: 240 kg",
    "发件人：仓库\n收件人：工地\n日期：2026年12月3日 10:30\n主题：箱子",
    "보낸 사람: 김철수\n받는 사람: 이영희",
    "Sent: 20 boxes\nTo: Berlin\nFrom: Warsaw",
    "Sent: 3 boxes\nFrom: Leeds\nTo: York\nSubject: returns\n\nThe fourth box stays here.",
    "MEMO\n==========\nFrom: the board\nTo: all\nDate: 30 November 2026\nSubject: hours\n\nOpen at 7.",
    "Urlaub:\n----------\nVon: 1.12.2026\nAn: Personalabteilung\nBetreff: Urlaub\n----------\nbis Freitag",
    "Report\n\nFrom: Warehouse 3\nSent: 23.11.2026 10:11\nTo: Berlin\n\nTwo boxes were open.",
    "Trip\n\nFrom: Gdańsk\nDate: 2026-12-01 10:11\nTo: Wrocław\nSubject: change in Poznań",
    "A visitor wrote.\n\nFrom: Eva <e@x.example>\nDate: 23.11.2026 10:11\nSubject: fence\n\nMessage:\nHi",
    "Formular\n\nVon: Eva <e@x.example>\nAn: b@x.example\nBetreff: Zaun\n\nNachricht: Bitte 20 m.",
    "Rule\n\nFrom: *@shop.example\nSubject: contains offer\nTo: me\n\nmoves nothing.",
    "MEMO\n__________\nFrom: Safety\nTo: all\nDate: 30 November 2026, 10:00\nSubject: drill\n\nLeave.",
    "Log\n\nVon: Lager\nGesendet: 23.11.2026 10:11\nAn: Filiale\nBetreff: Kiste\n\nWar offen.",
    "Bounced:\n\n\n\nFrom: a@x.example\nTo: b@x.example\nSubject: pump\nDate: 1.12.2026 10:00\n\nWhy?",
    "Test 5\n\nSubject: test\nFrom: jan@x.example\nTo: admin@x.example\n\nDid it arrive?",
    "Please write:\nFrom: me <a@x.example>\nTo: Jan\nSubject: pumps\nDate: 1.12.2026 10:00\n\nDear Jan",
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
    "---- Items ----",
    "-------- Delivery address --------",
    "----- Please note -----",
    "----- Anna schrieb mir -----",
    "---------- I wrote this ----------",
    "___________________\nName and date",
    "| Art. | 5",
    "| bolts | 20\n| nuts  | 30",
    "--- Please sign above this line ---\nJan",
    "== reply by Friday ==\nto us",
    "Please reply above this line\nby Friday",
    "----- Original -----\n5 boxes",
    "-------- Oryginalna wiadomość -------- była pusta",
    ">>> Anna wrote:\nno",
    ">>> In the minutes of 23.11.2026 10:11 Anna <a@x.example> wrote:\nno",
    "--- Antwort an Frau Lis, siehe oberhalb dieser Liste ---\n1. ja",
    "Anna <anna@office.example> wrote:\nno\nand Jan <jan@firma.example> wrote:\nyes",
    "Two wrote.\n\nAnna <anna@office.example> writes:\n\ntoo late\n\nEva <eva@lis.example> writes:",
    "####################\nunsubscribe: 12 people, see https://firma.example/list",
    "I asked again.\nAnna <anna@office.example> wrote:\nnothing",
    "################\nUnsubscribe our address, please: a@x.example",
    "_______________\nYou are receiving this because your invoice is overdue.\nhttps://x.example/pay",
    "-=-=-=-=-=-=-=-\nprices",
    ">> really important <<",
    ">> done",
    ">> not found\n>> again",
    ">>> Delivery on 23.11.2026 10:11 >>>",
    ">>> Anna Nowak called 23.11.2026 10:11 >>>",
    "Totals, 23.11.2026 10:11:\nPL> 5\nDE> 6",
    "At 23.11.2026 10:11 Jan wrote:\nQ> why",
    "-- Forwarded message --\nis all that I see",
    "--- Summary ---\nIt leaks.\n\n--- Original message ---\nE12\n\n--- My proposal ---\nA new seal.",
    "Texts:\n\n*** Forwarded message ***\nprzekazana\n*** Reply message ***\nodpowiedź",
    "Good\n--- Original message ---\nis the heading that your mails show twice.",
    "Report\n=== Original message ===\nE12\nThe pump stopped.",
    "Plan\n1.12.2026 10:00, Anna <a@x.example>:\npumps\n1.12.2026 11:00, Jan <j@x.example>:\nseals",
    "1.12.2026 10:00, Anna <a@x.example>:\n\npumps\n\n1.12.2026 11:00, Jan <j@x.example>:\n\nseals",
    "1.12.2026 10:00 Anna Nowak <a@x.example>:\n\npumps",
    "On 12 Nov 2026, at 10:30, Anna Nowak <a@x.example> wrote:\ntwo pumps",
    "der Fahrer schrieb am 12.11.2026 um 10:30 Uhr:\nTor zu.",
    "Fahrer Meier schrieb am 12.11.2026 um 10:30:\n\nTor zu.",
    "Op 12-11-2026 om 10:30 schreef Chauffeur Jansen:\n\nPoort dicht.",
    'On 12 Nov 2026, at 10:30, Anna Nowak <anna@x.example> wrote:\n"The gate is open."',
    "They log:\nOn 23 Nov 2026, at 10:11, Anna <anna@office.example> wrote:\nis that all?",
    "Their mails end with\n##- Please type your reply above this line -##",
    "__________\nto unsubscribe from the mailing list of Kowal we need\nhttps://x.example",
    "Zitat von Goethe:\n> Edel sei der Mensch,\n> hilfreich und gut.\nDas drucken wir.",
    "Visit\n23.11.2026 10:11\nAnna Nowak <anna@x.example>:\ngate 4",
    *(
        f"Problem\n{sign * 12}\nThe mailing list https://lists.firm.example/ returns error 500 since "
        "Monday.\nPlease restart the server."
        for sign in "=~#-_"
    ),
    "Problem\n==========\nThe link to unsubscribe from https://lists.firm.example/ returns error 500.",
    *(
        f"Please check these links:\n{sign * 10}\nhttps://groups.io.example/g/beta"
        for sign in "=~#-_"
    ),
    "Links\n----------\nShop mailing list\nshop@lists.example\nhttps://lists.example/listinfo/shop",
    *(
        f"Down\n{sign * 10}\nThe mailing list http://lists.firm.example is down\n{sign * 10}"
        for sign in "-=~#_"
    ),
    "Your mails show:\n\n__________\nTo unsubscribe, click https://x.example\n\nThat link is dead.",
    "----------\nUnsubscribe: https://x.example gives error 500.\nFix it by Friday.",
    "__________\nunsubscribe from list A: fails, https://x.example/a\nunsubscribe from list B: works",
    "==========\n\nTo unsubscribe, people click https://x.example, which fails.\n\nPlease fix.",
    "##########\nSecured with Tuta does not work: https://x.example",
    "_______________\nThe mailing list http://lists.firm.example is down",
    "your mails still show\n##- Please type your reply above this line -##\nPlease remove it.",
    "*** Reply above this line is missing in the mails ***",
    "*** I see no reply above this line ***",
    "--- Reply above this line ---\n1. bolts\n2. nuts",
    "\u2014\u2014\u2014",
    "\u2013 20 bolts\n\u2013 20 nuts",
]

LIKE_SIGNATURES = [
    "__________________________\nPlease unsubscribe me, my address is anna@x.example.",
    "Please sign as\n\n-- \nJan Kowal, Director",
    "Der Brief geht an\n-- \nKowal GmbH\nHafenstr. 4\n20457 Hamburg",
    "-- \nPlease take us off the mailing list: office@x.example",
    "--\nThe rest will come next week.",
    "-- \nThe second pump must go back.",
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
    "--\n4711 20\n4712 30",
    "--\nBolts M8 20\nNuts M8 20",
    "-- \nBolts M8 x20",
    "-- \nBolts, 20 of them",
    "-- \nTwenty bolts please",
    "-- \ntwenty bolts",
    "-- \nSee you tomorrow!",
    "-- \nIs it ok?",
    "-- \nOne more thing: the gate is closed on Monday.",
    "-- \nDelivery address:\nLong Lane 12\nLondon",
    "--\n1. bolts\n2. nuts",
    "--\n- bolts\n- nuts\n- washers",
    "--\n* bolts\n* nuts",
    "-- \nNext item: lamp",
    "--\nPart two of my report follows",
    "-- \nBitte 20 Stück Art. 4711 an ul. Długa 5 liefern",
    "-- \nProszę o 10 szt. krzeseł, tel. 123 456 789",
    "-- \nVoici ma commande",
    "-- \nMon numéro de client: 4711",
    "-- \nZamówienie nr 4711",
    "-- \nNumer konta: PL61 1090 1014 0000 0712 1981 2874",
    "-- \nKwota: 1200 zł",
    "-- \nTotal 1200 EUR",
    "--\nThe pump still leaks",
    "--\nJeśli nie, rezygnuję",
    "-- \nDie Pumpe tropft noch",
    "-- \nNot paid yet",
    "--\nUrgent",
    "--\nCall Anna",
    "--\nBis Freitag",
    "--\nHammer\nSaw\nNails",
    "Deliver to:\n-- \nKowal Ltd\n5 Long Lane\nLondon",
    "Adres dostawy:\n--\nFirma Kowal\nul. Długa 5\n80-831 Gdańsk",
    "--\nmailing list of the club: club@kowal.example",
    "_______________________\nOur mailing list address: list@kowal.example",
    "--\nPlease keep the price confidential until Friday.",
    "--\nThe letter must be registered.",
    "--\nRegał przeznaczony do magazynu.",
    "-- \nthe hotel in Kraków is booked",
    "-- \nwaiting here since noon",
    "-- \n请在周五之前把发票发给我们。",
    "-- \n納期は守ってください。",
    "-- \nUnsubscribe anna@firma.example from the mailing list",
    "--\nI intended to send the message on Friday.",
    "-- \nThe attachment is confidential, please do not forward it before Friday.",
    "--\nDiese Nachricht bitte vertraulich behandeln.",
]

# Below `-- `, but neither the author's name nor an address.
NOT_OF_THE_AUTHOR = [
    "Lis GmbH\nHafenstr. 4\n20457 Hamburg", "Sklep Lis\nul. Długa 5\n80-831 Gdańsk",
    "Eva Lis\n5 Rue de la Paix\n75002 Paris", "Lis Sp. z o.o.\nNIP 123-456-78-90", "Yes",
    "Monday Tuesday", "IBAN follows tomorrow", "Street side, not yard",
    "https://kowal.example/plan.pdf", "Plan: https://kowal.example/plan.pdf", "New phone: 22 555 01 00",
    "Tracking\nhttps://x.example/1\nInvoices\nhttps://x.example/2", "Gate\ntel. 555 01 01\nYard\ntel. 555 01 02",
    "Gate: +44 113 496 0001\nYard: +44 113 496 0002\nJan: +44 113 496 0003",
    "Jan Kowal +44 113 496 0000 (gate)\nEva Lis +44 113 496 0001", "Jan\nNew phone from Monday: +44 113 496 0000",
    "Offer B to jan@kowal.example", "+48 600 000 000 call me", "Jan 三個ください",
    "请尽快发货", "أرجو الرد قبل الخميس", "נא לענות עד מחר", "금요일까지 보내 주세요",
]  # fmt: skip


@pytest.mark.parametrize("own", NOT_OF_THE_AUTHOR)
def test_what_may_be_a_signature_stays_unless_it_says_whose_it_is(own: str) -> None:
    mail = f"Good morning,\n-- \n{own}"
    assert strip_quotes(mail, author="Jan Kowal <jan@kowal.example>") == mail


@pytest.mark.parametrize(
    "mail",
    [
        "Our team for Friday\n--\nJan\nEva\nTom",
        "Shifts\n\n--\nMonday\nJan Kowal\nTuesday\nEva Lis",
        "Night shift\n\n--\nJan Kowal\nEva Lis\nTom Ash",
        "Shifts\n\n--\nMonday - Jan Kowal\nTuesday - Eva Lis",
        "Missing:\n--\n3 bolts\n--\nAll else is fine\n\nKind regards\nJan Kowal\nwww.kowal.example",
        "First offer\n-- \nSecond offer\n\nMit freundlichen Grüßen\nJan Kowal\nwww.kowal.example",
    ],
)
def test_names_below_a_typed_delimiter_stay(mail: str) -> None:
    assert strip_quotes(mail, author="Jan Kowal <jan@kowal.example>") == mail


@pytest.mark.parametrize(
    "announcement",
    [
        "My answers are below in red.", "Please see my comments inline.", "Answers below.", "See [Jan] below.",
        "Odpowiedzi w treści, na czerwono.", "Meine Antworten stehen unten in Rot.",
        "Voir mes réponses ci-dessous en bleu.", "Mis respuestas abajo.", "Відповіді нижче.",
        "Odpowiadam w treści.", "I replied to them in red. The list is attached.",
        "W odpowiedzi na pytania: na czerwono poniżej.",
    ],
)  # fmt: skip
def test_announced_answers_inside_an_unmarked_original_stay(announcement: str) -> None:
    header = "From: Anna <a@x.example>\nSent: 23.11.2026 10:15\nTo: Jan\nSubject: Order"
    mail = f"Hello,\n\n{announcement}\n\n{header}\n\n1. When?\nOn Friday."
    assert strip_quotes(mail) == mail
    other = mail.replace(announcement, "The answer is in the attached file, in red.")
    assert strip_quotes(other) == "Hello,\n\nThe answer is in the attached file, in red."


@pytest.mark.parametrize(
    "own",
    [
        "In response to your request, and in line with our policy, we deliver on Friday.",
        "Our reply to the question in your email is yes.", "Thank you for your comments. It costs below 100 EUR.",
        "Is the replacement available in red?", "Als Antwort auf die Frage in Ihrer Mail: ja.",
        "W odpowiedzi na pytanie w treści maila: tak.", "Odpowiadam na pytania: tak, nawet poniżej 5 sztuk.",
        "Zwracam uwagę, że na czerwono go nie ma.", "Comment commander la chaise en rouge ?",
        "Gracias por sus respuestas y su trabajo.", "Regarding [Acme #4711], we stay below the limit.",
    ],
)  # fmt: skip
def test_a_reply_that_mentions_answers_announces_none(own: str) -> None:
    header = "From: Anna <a@x.example>\nSent: 23.11.2026 10:15\nTo: Jan\nSubject: Order"
    assert strip_quotes(f"{own}\n\n{header}\n\n1. When?") == own


@pytest.mark.parametrize("name", ["A", "Minh Le", "Jan van Do"])
def test_a_name_like_a_small_word_does_not_announce_the_line_of_a_device(name: str) -> None:
    assert strip_quotes(f"Thanks,\n{name}\n\nSent from my iPhone") == f"Thanks,\n{name}"


def test_a_quotation_that_the_author_announces_stays() -> None:
    mail = "Hello,\n\nthe contract says:\n\n> 5.1 The seller packs.\n>\n> 5.2 The buyer collects."
    assert strip_quotes(mail) == mail


@pytest.mark.parametrize("gap", ["\n", "   "])
def test_a_log_of_messages_stays(gap: str) -> None:
    entries = [
        f"On 23/11/2026 10:11:12, Anna <anna@x.example> wrote:{gap}pump 4 is down",
        f"On 23/11/2026 10:15:00, Bob <bob@x.example> wrote:{gap}on my way",
    ]
    mail = f"From the chat.\n\n{entries[0]}\n{entries[1]}\n\nWho was first?"
    quote = "On 23 Nov 2026, at 10:11, Anna <a@x.example> wrote:\n> Any news?"
    for subject in ("Pump 4", "Re: Pump 4"):
        assert strip_quotes(mail, subject=subject) == mail
        assert strip_quotes(f"{mail}\n\n{quote}", subject=subject) == mail


LOG_BOOK = (
    "From: Night Watch\nSent: 23 November 2026 10:15\nTo: Day Watch\nSubject: pump 4\n\nNoise."
)


def test_a_header_that_the_author_announces_stays_unless_the_mail_is_an_answer() -> None:
    mail = f"What I read in the log book:\n\n{LOG_BOOK}\n\nWho repairs it?"
    for subject in ("", "Pump 4"):
        assert strip_quotes(mail, subject=subject) == mail
    assert strip_quotes(mail, subject="FW: pump 4") == "What I read in the log book:"
    answer = f"{mail}\n\nOn 23 Nov 2026, at 10:11, Anna <a@x.example> wrote:\n> Any news?"
    assert strip_quotes(answer, subject="Re: Boats") == mail
    sent = mail.replace("Night Watch", "Night Watch <night@x.example>")
    assert strip_quotes(sent) == "What I read in the log book:"


@pytest.mark.parametrize("title", ["-----Original Message-----", "------ Forwarded message ------"])
def test_a_title_within_a_sentence_stays(title: str) -> None:
    for gap in ("\n\n", "\n\n\xa0\n\n"):
        mail = f"Your page shows{gap}{title}{gap}in English although the rest is Irish."
        assert strip_quotes(mail) == mail
    for above in ("Your page shows it.", "kind regards,", "best regards from Galway, Anna"):
        quoted = f"{above}\n\n{title}\n\nin English although the rest is Irish."
        assert strip_quotes(quoted) == above


def test_an_answer_between_an_attribution_and_its_quote_stays() -> None:
    attribution = "On 23 Nov 2026, at 10:11, Anna <anna@office.example> wrote:"
    mail = f"Hello Anna,\n\n{attribution}\n\nthe price is firm.\n\n> And pallets?\n\nIncluded."
    assert strip_quotes(mail) == mail


@pytest.mark.parametrize(
    "own", ["30.11.2026", "Wtorek, 1 grudnia 2026, 9:00", "Regards\nJan", "On Friday 4.12.2026"]
)
def test_own_lines_directly_above_an_attribution_stay(own: str) -> None:
    for attribution in (
        "pon., 23 lis 2026 o 10:11 Anna <anna@office.example> napisał(a):",
        "<anna@office.example> schrieb am 23.11.2026 um 10:11:",
        "Anna Nowak wrote on 23.11.2026 10:11:",
    ):
        mail = f"Hello,\n{own}\n{attribution}\n> When?\n>\n> Anna"
        assert strip_quotes(mail) == f"Hello,\n{own}"


@pytest.mark.parametrize("own", ["Subject: pump 3", "Date: 1.12.2026 9:00"])
def test_an_own_label_directly_above_a_header_stays(own: str) -> None:
    header = "From: Anna <a@x.example>\nSent: 23.11.2026 10:15\nTo: Jan\nSubject: Order"
    assert strip_quotes(f"{own}\n{header}\n\nHello") == own


NOT_A_BLOCK = [
    "Name: Jan\nDate: 23/11/2026 10:15\nTo: accounts\nFrom: sales\nSubject: credit note\nAmount: 12 EUR",
    "Od 10:15 do 12:00\nTemat: szkolenie\nWysłano: 5 zaproszeń",
    "Od 10:15 do 12:00\n\nTemat: szkolenie\n\nWysłano: 5 zaproszeń",
    "From 10 to 12 we are closed.\nSubject: none.",
]


@pytest.mark.parametrize("own", NOT_A_BLOCK)
def test_labels_of_the_author_are_no_part_of_the_header_below(own: str) -> None:
    header = "From: Anna <a@x.example>\nSent: 23.11.2026 10:15\nTo: Jan\nSubject: Order"
    for rule in ("", f"{'_' * 32}\n"):
        assert strip_quotes(f"{own}\n\n{rule}{header}\n\nHello") == own


def test_own_lines_with_a_sign_of_quotes_stay_above_a_quote_of_html() -> None:
    own = "A => B\n>> done\n\n> 5 boxes"
    quote = "On 23 Nov 2026, at 10:11, Anna <anna@office.example> wrote:\n> When?"
    assert strip_quotes(f"{own}\n\n{quote}", quotes_are_marked=True) == own


OWN_WORDS = LIKE_ATTRIBUTIONS + LIKE_DEVICE_LINES + LIKE_HEADERS + LIKE_RULES + LIKE_SIGNATURES


@pytest.mark.parametrize("own", OWN_WORDS)
def test_own_words_stay_wherever_they_are(own: str) -> None:
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
