"""What people write in seventeen languages: a text, subjects, names and file names. All of it is
invented.
"""

from typing import NamedTuple


class Language(NamedTuple):
    """The code pages of a language, and texts in it."""

    pages: tuple[str, ...]
    body: str
    subjects: tuple[str, ...]
    names: tuple[str, ...]
    files: tuple[str, ...]


LANGUAGES = {
    "pl": Language(
        pages=("utf-8", "iso8859-2", "cp1250", "cp852", "mac-latin2"),
        body=(
            "Dzień dobry, w ubiegłą środę złożyliśmy u Państwa zamówienie na dziesięć krzeseł. Przesyłka "
            "dotarła wczoraj, lecz dwa krzesła mają pęknięte nogi. Prosimy o wymianę albo zwrot pieniędzy. "
            "Zdjęcia załączamy poniżej."
        ),
        subjects=(
            "Pęknięte krzesła",
            "Zwrot pieniędzy",
            "Zaległa płatność",
            "Łączna kwota należności",
            "Prośba o korektę",
            "Pilne: brak części",
            "Umowa najmu – aneks",
            "Źle naliczony VAT",
            "Gwarancja na pralkę",
            "PODRÓŻ SŁUŻBOWA",
            "Żółte światło ostrzegawcze",
            "Wyciąg za wrzesień",
            "Reklamacja obuwia – dziura w podeszwie, żenada",
            "Wnioskuję o przedłużenie",
            "Nowy grafik dyżurów",
            "Brakująca śruba",
            "Rezygnacja z prenumeraty, półrocze",
            "Stłuczka na parkingu",
            "Zagubiony bagaż",
        ),
        names=(
            "Łucja Śliwińska",
            "Grażyna Bąk",
            "Błażej Żyła",
            "Michał Wójcik",
            "Józef Król",
        ),
        files=(
            "umowa_zlecenie_część_2.pdf",
            "Zaświadczenie.docx",
            "rachunek-półroczny.pdf",
            "ogłoszenie.txt",
            "Zgłoszenie szkody.pdf",
        ),
    ),
    "cs": Language(
        pages=("utf-8", "iso8859-2", "cp1250", "cp852"),
        body=(
            "Dobrý den, minulý týden jsme u vás objednali třicet židlí do jídelny. Dvě z nich přišly "
            "poškozené a u jedné chybí opěradlo. Prosíme o výměnu nebo vrácení peněz na náš účet. Fotografie "
            "posíláme níže."
        ),
        subjects=(
            "Poškozené židle",
            "Vrácení peněz",
            "Chybějící díly",
            "Žádost o opravu",
            "Změna termínu dodávky",
            "Smlouva číslo 12",
            "Upomínka – splátka",
            "Dotaz na cenu pračky",
            "Děkujeme za návštěvu",
            "Přihláška na školení",
            "Ztracené zavazadlo",
            "Prodloužení předplatného",
            "Rozpis služeb na léto",
            "Chybí šroub",
            "Nehoda na parkovišti",
            "Výpověď z nájmu",
        ),
        names=(
            "Jiří Dvořák",
            "Božena Černá",
            "Tomáš Kučera",
            "Věra Růžičková",
            "Luděk Šťastný",
        ),
        files=(
            "smlouva_o_dílo.pdf",
            "Přihláška.docx",
            "účtenka-březen.pdf",
            "výpis.csv",
            "Žádost.pdf",
        ),
    ),
    "hu": Language(
        pages=("utf-8", "iso8859-2", "cp1250"),
        body=(
            "Tisztelt Hölgyem, a múlt héten harminc széket rendeltünk az étterembe. Kettő törötten érkezett, "
            "egynek pedig hiányzik a háttámlája. Kérjük a cserét vagy a pénz visszautalását a "
            "bankszámlánkra. A fényképeket lent találja, előre is köszönjük a gyors ügyintézést."
        ),
        subjects=(
            "Törött székek",
            "Pénz visszafizetése",
            "Hiányzó alkatrészek",
            "Számla javítása",
            "Szállítási határidő módosítása",
            "Fizetési felszólítás",
            "Őszi árlista",
            "Bérleti szerződés",
            "Köszönjük a látogatást",
            "Jelentkezés képzésre",
            "Elveszett bőrönd",
            "Előfizetés meghosszabbítása",
            "Hiányzó csavar",
            "Felmondás a bérletről",
            "Műszakbeosztás nyárra",
        ),
        names=(
            "Győző Kővári",
            "Ágnes Szűcs",
            "Sándor Tóth",
            "Erzsébet Lőrincz",
            "Béla Nagy",
        ),
        files=(
            "szerződés_tervezet.pdf",
            "számla-március.pdf",
            "jelentés.docx",
            "fénykép.jpg",
            "Árajánlat.pdf",
        ),
    ),
    "ro": Language(
        pages=("utf-8", "iso8859-2", "iso8859-16", "cp1250"),
        body=(
            "Bună dimineaţa, săptămâna trecută am comandat treizeci de scaune pentru sala de mese. Două au "
            "ajuns rupte, iar unuia îi lipseşte spătarul. Vă rugăm să le înlocuiţi sau să ne returnaţi banii "
            "în cont. Fotografiile sunt mai jos, vă mulţumim."
        ),
        subjects=(
            "Scaune rupte şi zgâriate",
            "Returnarea banilor în cont",
            "Piese lipsă",
            "Corectarea facturii de plată – iunie şi mai",
            "Ofertă de preţ",
            "Contract de închiriere",
            "Vă mulţumim pentru vizită",
            "Înscriere la curs",
            "Bagaj pierdut – vă rog să îl căutaţi",
            "Prelungirea abonamentului până în mai",
            "Lipseşte un şurub",
            "Rezilierea contractului şi plata garanţiei",
            "Scurgere de apă în bucătărie",
        ),
        names=(
            "Ştefan Munteanu",
            "Ioana Pătraşcu",
            "Mădălina Ţurcanu",
            "Răzvan Bălan",
        ),
        files=(
            "ofertă_preţ.pdf",
            "cerere înscriere.docx",
            "Declaraţie.pdf",
            "poză.jpg",
        ),
    ),
    "de": Language(
        pages=(
            "utf-8",
            "iso8859-1",
            "iso8859-15",
            "cp1252",
            "iso8859-2",
            "cp1250",
            "mac-roman",
            "cp850",
        ),
        body=(
            "Guten Tag, vergangene Woche haben wir bei Ihnen dreißig Stühle für den Speisesaal bestellt. "
            "Zwei kamen beschädigt an, und bei einem fehlt die Rückenlehne. Wir bitten um Umtausch oder um "
            "Rückzahlung auf unser Konto. Die Bilder hängen unten an, schöne Grüße aus Köln."
        ),
        subjects=(
            "Beschädigte Stühle",
            "Rückzahlung",
            "Fehlende Schlüssel",
            "Angebot für Gartenmöbel",
            "Änderung der Lieferadresse",
            "Kündigung zum März",
            "Zahlungserinnerung – fällig",
            "Überfällige Beträge",
            "Größe der Räume",
            "Führerschein: Verlängerung",
            "ÄNDERUNG MEINER ANSCHRIFT",
            "Verlängerung des Abonnements",
            "Schraube fehlt – dringend nötig",
            "Übler Geruch im Flur",
            "Dienstplan für den Sommer",
            "Gepäck verloren",
            "Prüfbericht Aufzüge",
        ),
        names=(
            "Jürgen Müller",
            "Käthe Schäfer",
            "Björn Weiß",
            "Günther Größl",
            "Sören Köhler",
        ),
        files=(
            "Übergabeprotokoll.pdf",
            "Gehaltsabrechnung_März.pdf",
            "Lösung.docx",
            "Straßenkarte.png",
            "Mängelliste.xlsx",
        ),
    ),
    "fr": Language(
        pages=("utf-8", "iso8859-1", "iso8859-15", "cp1252", "mac-roman", "cp850"),
        body=(
            "Bonjour, la semaine passée nous avons commandé chez vous trente chaises pour le réfectoire. "
            "Deux sont arrivées cassées et le dossier de la troisième a été oublié. Nous vous prions de les "
            "échanger ou de nous rembourser dès que possible. Ça serait apprécié ; les photos sont ci- "
            "dessous, à bientôt."
        ),
        subjects=(
            "Chaises cassées à la livraison",
            "Remboursement demandé",
            "Pièces manquantes",
            "Réclamation",
            "Délai de livraison dépassé",
            "Où est ma commande ?",
            "Relevé d’août",
            "QUALITÉ\xa0: contrôle",
            "Contrat de location signé",
            "Ça ne marche pas",
            "Congés d'été",
            "Reçu du dîner",
            "Bagage égaré à l'aéroport",
            "Prolongation de l’abonnement",
            "Il manque une vis, où réclamer",
            "Accrochage au parking : déclaration",
            "Résiliation du bail à l'échéance",
            "Planning d'été",
            "Fuite d’eau derrière l’évier",
        ),
        names=(
            "Hélène Lefèvre",
            "François Légaré",
            "Zoé Bélanger",
            "Jérôme Château",
            "Anaïs Noël",
        ),
        files=(
            "facture_février.pdf",
            "Procès-verbal.docx",
            "reçu.pdf",
            "Photo de la fenêtre cassée.jpg",
            "Résumé.pdf",
        ),
    ),
    "es": Language(
        pages=("utf-8", "iso8859-1", "iso8859-15", "cp1252", "mac-roman", "cp850"),
        body=(
            "Buenos días, la semana pasada pedimos treinta sillas para el comedor. Dos llegaron dañadas y a "
            "otra le falta el respaldo. ¿Podrían cambiarlas o devolver el dinero a nuestra cuenta? Las "
            "fotografías están más abajo. ¡Muchas gracias por su atención!"
        ),
        subjects=(
            "Sillas dañadas",
            "Devolución del dinero",
            "¿Cómo pago?",
            "¿Dónde está mi pedido?",
            "Corrección de factura",
            "Revisión anual",
            "Petición de presupuesto para un baño",
            "¡Última oportunidad!",
            "Señal pagada",
            "Contrato de alquiler número 5",
            "Vacaciones en agosto: sustitución",
            "Maleta extraviada en el avión",
            "Prórroga de la suscripción",
            "Falta un tornillo, ¿lo envían?",
            "Cancelación del alquiler",
            "Turnos de verano: corrección",
            "Daños en el baño",
            "¡Urgente! fuga de agua en el jardín",
        ),
        names=(
            "José Muñoz",
            "María Ángeles Ibáñez",
            "Íñigo Peña",
            "Raúl Gómez",
            "Begoña Núñez",
        ),
        files=(
            "albarán.pdf",
            "Contraseña.txt",
            "informe_año_2026.docx",
            "diseño baño.png",
            "Liquidación.pdf",
        ),
    ),
    "pt": Language(
        pages=("utf-8", "iso8859-1", "iso8859-15", "cp1252", "mac-roman", "cp850"),
        body=(
            "Bom dia, na semana passada encomendámos trinta cadeiras para o refeitório. Duas chegaram "
            "partidas e a uma falta o encosto. Você pode trocá-las ou devolver o dinheiro à nossa conta? As "
            "fotografias estão abaixo, agradecemos a atenção e a rapidez das informações."
        ),
        subjects=(
            "Cadeiras partidas à chegada",
            "Devolução do dinheiro",
            "Peças em falta",
            "Você recebeu?",
            "Reclamação",
            "Correção da fatura",
            "Prestações em atraso",
            "Manutenção do elevador",
            "Férias: substituições",
            "Declaração anual",
            "Não recebi o catálogo",
            "Mala extraviada no avião",
            "Prorrogação da assinatura",
            "Falta um parafuso: não fecha",
            "Rescisão do arrendamento",
            "Escala de verão",
            "Infiltração na parede",
            "Água no porão",
        ),
        names=(
            "João Gonçalves",
            "Conceição Magalhães",
            "Antônio Guimarães",
            "Inês Simões",
            "Luís Brandão",
        ),
        files=(
            "relatório.pdf",
            "Recibo_março.pdf",
            "Instruções.docx",
            "avaliação final.pdf",
            "Cópia do cartão.png",
        ),
    ),
    "it": Language(
        pages=("utf-8", "iso8859-1", "iso8859-15", "cp1252", "mac-roman", "cp850"),
        body=(
            "Buongiorno, la settimana scorsa abbiamo ordinato trenta sedie per la mensa. Due sono arrivate "
            "rotte e a una manca lo schienale, perciò non è possibile usarle. Potete sostituirle o "
            "restituirci il denaro? Le fotografie sono più sotto, ci sarà utile una risposta entro giovedì."
        ),
        subjects=(
            "Perché manca lo sconto?",
            "Attività di agosto",
            "Più sedie",
            "Disponibilità lunedì",
            "La fattura è sbagliata",
            "Città di Torino: gara",
            "Non è arrivato",
            "Pubblicità ingannevole",
            "Sarà consegnato domani",
            "Qualità del prodotto",
            "Bagaglio smarrito: è urgente",
            "Manca una vite, perché?",
            "Disdetta dell’affitto: sarà valida",
            "Turni estivi, più ferie",
            "Perdita d'acqua laggiù",
            "Novità sul sinistro",
        ),
        names=(
            "Niccolò Bianchi",
            "Giosuè Carrà",
            "Noè Morè",
            "Libertà Forlì",
        ),
        files=(
            "pubblicità.pdf",
            "Novità 2026.docx",
            "modalità_pagamento.pdf",
            "perché.txt",
        ),
    ),
    "sv": Language(
        pages=("utf-8", "iso8859-1", "iso8859-15", "cp1252", "mac-roman", "cp850"),
        body=(
            "Hej, förra veckan beställde vi trettio stolar till matsalen. Två kom fram trasiga och en saknar "
            "ryggstöd. Vi ber er byta dem eller betala tillbaka pengarna till vårt konto. Bilderna ligger "
            "nedanför, hör gärna av er på måndag."
        ),
        subjects=(
            "Trasiga stolar från er",
            "Återbetalning",
            "Saknade skruvar – påminnelse",
            "Ändrad leveransdag",
            "Fråga om garanti på tvättmaskin",
            "Semester i augusti: ersättare",
            "Årsredovisning",
            "Hyresavtal för kontoret",
            "Tack för besöket i går",
            "Problem med åäö",
            "Förlorat bagage",
            "Förlängning av prenumeration",
            "Uppsägning av hyresavtal för lägenhet",
            "Vattenläcka i köket",
            "Krock på parkeringen, skadeanmälan",
        ),
        names=(
            "Åsa Lindström",
            "Göran Sjöberg",
            "Märta Hägg",
            "Björn Åkesson",
        ),
        files=(
            "Årsbokslut.pdf",
            "kvitto_från_mässan.pdf",
            "Möte.docx",
            "Lägenhet.jpg",
        ),
    ),
    "da": Language(
        pages=("utf-8", "iso8859-1", "iso8859-15", "cp1252", "mac-roman", "cp850"),
        body=(
            "Hej, i sidste uge bestilte vi tredive stole til spisestuen. To kom ødelagte frem, og en mangler "
            "ryglænet. Vi beder jer bytte dem eller overføre pengene til vores konto. Billederne ligger "
            "nedenunder, vi håber at høre fra jer på mandag."
        ),
        subjects=(
            "Ødelagte stole",
            "Tilbagebetaling ønskes",
            "Manglende nøgler",
            "Ændret leveringsdag",
            "Spørgsmål om garanti",
            "Årsopgørelse",
            "Lejekontrakt for kælderen",
            "Påmindelse nr. 2",
            "Møde på onsdag",
            "Tak for besøget",
            "Bortkommen kuffert på rejsen",
            "Forlængelse af abonnement",
            "Der mangler en skrue – hvornår får vi den",
            "Opsigelse af lejemål",
            "Vagtplan for sommeren: ændringer",
        ),
        names=(
            "Søren Kjær",
            "Bodil Ærø",
            "Jørgen Nørgaard",
            "Åse Højgaard",
        ),
        files=(
            "årsrapport.pdf",
            "kvittering_fra_købet.pdf",
            "Møde.docx",
            "Lønseddel.pdf",
        ),
    ),
    "nl": Language(
        pages=("utf-8", "iso8859-1", "iso8859-15", "cp1252", "mac-roman", "cp850"),
        body=(
            "Goedendag, vorige week hebben wij bij u dertig stoelen voor de kantine besteld. Twee kwamen "
            "kapot aan en bij één ontbreekt de leuning. Graag ruilen of het geld terug, onze financiële "
            "afdeling wacht op de creditnota. Alle foto’s staan hieronder; wij zijn ook geïnteresseerd in "
            "tafels."
        ),
        subjects=(
            "Eén stoel ontbreekt",
            "Financiële gegevens",
            "Coördinatie levering",
            "Geïnteresseerd in offerte",
            "Ideeën voor het café",
            "Reünie in mei",
            "Patiëntenkaart",
            "Eén koffer kwijt",
            "Verzekeringspolis geërfd",
            "Lekkage boven het café",
            "Zomerrooster: vacatures ingevuld, één open",
            "Calorieën op de factuur",
        ),
        names=(
            "Renée van Dijk",
            "Daniël de Boer",
            "Loïs Smeets",
            "Zoë Hoekstra",
        ),
        files=(
            "officiële_brief.pdf",
            "Coördinaten.xlsx",
            "financiën.pdf",
            "reünie.jpg",
        ),
    ),
    "tr": Language(
        pages=("utf-8", "iso8859-9", "cp1254"),
        body=(
            "İyi günler, geçen hafta yemekhane için sizden otuz sandalye sipariş ettik. İkisi kırık geldi, "
            "birinin de arkalığı yok. Değiştirmenizi ya da parayı hesabımıza geri göndermenizi rica ederiz. "
            "Fotoğraflar aşağıda, şimdiden teşekkürler."
        ),
        subjects=(
            "Kırık sandalyeler",
            "Para iadesi hakkında bilgi isteği",
            "Eksik parçalar",
            "Fatura düzeltmesi",
            "Teslim tarihi değişikliği",
            "Kira sözleşmesi",
            "Ağustos izni",
            "Ziyaretiniz için teşekkürler",
            "Ödeme hatırlatması",
            "Yıllık bakım çağrısı",
            "Kayıp bavul",
            "Aboneliğin uzatılması",
            "Eksik vida için başvuru",
            "Kira sözleşmesinin feshi",
            "Mutfakta su kaçağı",
            "Yaz nöbet çizelgesi",
        ),
        names=(
            "Ayşe Yılmaz",
            "İbrahim Öztürk",
            "Gülşen Doğan",
            "Çağrı Şahin",
        ),
        files=(
            "sözleşme.pdf",
            "Ağustos_raporu.docx",
            "görüntü.png",
            "Şartname.pdf",
        ),
    ),
    "ru": Language(
        pages=("utf-8", "cp1251", "koi8-r", "iso8859-5", "cp866", "mac-cyrillic"),
        body=(
            "Добрый день! На прошлой неделе мы заказали у вас тридцать стульев для столовой. Два приехали "
            "сломанными, а у одного нет спинки. Просим заменить их или вернуть деньги на наш счёт. "
            "Фотографии ниже, заранее спасибо."
        ),
        subjects=(
            "Сломанные стулья",
            "Возврат денег",
            "Заказ",
            "Акт сверки за май",
            "Счёт на оплату",
            "ДОГОВОР АРЕНДЫ",
            "Ответ на претензию",
            "оплата получена",
            "Изменение срока поставки",
            "Отпуск в августе",
            "Re: смета",
            "Потерянный багаж",
            "Продление подписки",
            "Не хватает винта",
            "Расторжение аренды",
            "Протечка на кухне",
            "График дежурств",
            "ДТП на стоянке",
            "Жалоба",
        ),
        names=(
            "Иван Щукин",
            "Наталья Ёлкина",
            "Пётр Жуков",
            "Ольга Цветкова",
        ),
        files=(
            "договор.pdf",
            "Счёт №15.pdf",
            "накладная.xlsx",
            "Фото стула.jpg",
        ),
    ),
    "uk": Language(
        pages=("utf-8", "cp1251", "koi8-u"),
        body=(
            "Доброго дня! Минулого тижня ми замовили у вас тридцять стільців для їдальні. Два приїхали "
            "зламаними, а в одного немає спинки. Просимо замінити їх або повернути гроші на наш рахунок. "
            "Світлини нижче, наперед дякуємо."
        ),
        subjects=(
            "Зламані стільці",
            "Повернення грошей",
            "Рахунок на оплату",
            "Зміна терміну постачання",
            "Відповідь на претензію",
            "Договір оренди",
            "Відпустка у серпні",
            "Її замовлення",
            "Ціни на меблі",
            "Загублений багаж",
            "Продовження передплати",
            "Бракує гвинта",
            "Розірвання оренди",
            "Протікання на кухні",
            "Графік чергувань",
            "Скарга",
        ),
        names=(
            "Ірина Щербак",
            "Євген Їжакевич",
            "Оксана Гнатюк",
            "Андрій Цюпа",
        ),
        files=(
            "договір.pdf",
            "Рахунок.pdf",
            "накладна.xlsx",
            "світлина стільця.jpg",
        ),
    ),
    "bg": Language(
        pages=("utf-8", "cp1251", "iso8859-5"),
        body=(
            "Добър ден, миналата седмица поръчахме при вас тридесет стола за столовата. Два пристигнаха "
            "счупени, а на един липсва облегалката. Молим да ги смените или да върнете парите по сметката "
            "ни. Снимките са по-долу, благодарим предварително."
        ),
        subjects=(
            "Счупени столове",
            "Връщане на пари",
            "Фактура за май",
            "Промяна на срока",
            "Договор за наем",
            "Отпуск през август",
            "Въпрос за гаранцията",
            "Изгубен багаж",
            "Удължаване на абонамента",
            "Липсва винт",
            "Прекратяване на наема",
            "Теч в кухнята",
            "Жалба",
        ),
        names=(
            "Иван Щерев",
            "Цветелина Жекова",
            "Людмила Ангелова",
            "Юрий Чолаков",
        ),
        files=(
            "договор.pdf",
            "Фактура.pdf",
            "снимка на стола.jpg",
        ),
    ),
    "el": Language(
        pages=("utf-8", "cp1253", "iso8859-7"),
        body=(
            "Καλημέρα σας, την περασμένη εβδομάδα παραγγείλαμε τριάντα καρέκλες για την τραπεζαρία. Δύο "
            "έφτασαν σπασμένες και από μία λείπει η πλάτη. Παρακαλούμε να τις αλλάξετε ή να επιστρέψετε τα "
            "χρήματα. Άλλες φωτογραφίες θα βρείτε παρακάτω."
        ),
        subjects=(
            "Σπασμένες καρέκλες",
            "Επιστροφή χρημάτων",
            "Τιμολόγιο Μαΐου",
            "Άδεια Αυγούστου",
            "Αλλαγή ημερομηνίας",
            "ΣΥΜΒΟΛΑΙΟ ΜΙΣΘΩΣΗΣ",
            "Ερώτηση για την εγγύηση",
            "Χαμένη βαλίτσα",
            "Παράταση συνδρομής",
            "Λείπει μια βίδα",
            "Λύση μίσθωσης",
            "Διαρροή στην κουζίνα",
        ),
        names=(
            "Γιώργος Παπαδάκης",
            "Ελένη Ξυδάκη",
            "Άννα Ψαρρά",
        ),
        files=(
            "συμβόλαιο.pdf",
            "Τιμολόγιο.pdf",
            "φωτογραφία καρέκλας.jpg",
        ),
    ),
}
