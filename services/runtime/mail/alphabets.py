"""The letters beyond ASCII of each language, and words that show their usual positions. Data only.

The letters of the words and their neighbors count, and to a small degree the words themselves. The
words were chosen so that frequent letters are in their usual positions. Frequencies are rough; only
their ratios matter.
"""

# ruff: noqa: RUF001 - it is about letters that look like others

# By language: letters from the most to the least frequent, words with such letters, frequent words
# without them.
LATIN: dict[str, tuple[str, str, str]] = {
    "pl": (  # Polish
        "łęąóśżćńź",
        (
            "więc się był była było będzie że już żeby proszę państwa dziękuję załączeniu załącznik "
            "płatność zamówienie zamówienia przesyłam również żądanie należności sprzedaż łączna "
            "kwotę usługi usługę dostęp ósmy środa czwartek miesiąc październik wrzesień grudzień "
            "koszt część ilość wysyłka złoty złotych źle późno jeździ pięć dziesięć który która "
            "także możemy możliwość odpowiedź pracę pozdrawiam życzę gdańsk łódź poznań kraków "
            "żółty święta ręczny dłużny środek są mają będą tę tą główny spółka wpłaty spłata "
            "wniosek odbiór telefonów książka mąż rząd wciąż piątek ćwiczenie świadczenie niestety "
            "przesłać"
        ),
        "nie na do jest i w z za od to oraz dla po faktura faktury prosimy dane",
    ),
    "cs": (  # Czech
        "íáěéřýčžšůúťďňó",
        (
            "děkuji dobrý den prosím účet účtu číslo faktura částka částku řešení přílohy příloze "
            "před přes při příští můžete může žádost žádáme zboží že též také ještě společnost "
            "většina členů čtvrtek pátek úterý středa září říjen květen červenec únor únoru březen "
            "leden vážený vážená paní pane náš nás vás váš dům ůroky kůň průběh týden týdnu něco "
            "někdo není měsíc město svěží věc šest šťastný těžký síť práce práci děti loď teď labuť "
            "budeme hodně ceník ceně výborný nový vývoj bývalý platební potvrzení objednávka "
            "objednávku dodání dobře jsou zítra večer který která které poměr oběd těším"
        ),
        "na se je v z do za pro to od jsem jsme faktura prosim",
    ),
    "sk": (  # Slovak
        "áíčéžýúšľťňôóďäĺŕ",
        (
            "ďakujem dobrý deň prosím účet číslo faktúra čiastka riešenie príloha prílohe pred "
            "môžete môže žiadosť tovar že tiež ešte spoločnosť väčšina štvrtok piatok sobotu júl "
            "október marec vážený vážená pán pani náš vás váš dôležitý kôň týždeň niečo mesiac mäso "
            "päť šesť šťastný ťažký sieť práca ľudia veľmi veľa ľahko stĺp vŕba objednávka dodanie "
            "ktorý ktorá môj svätý teľa byť mať dať späť sviatok ročný účtovníctvo"
        ),
        "na sa je v z do za pre to od som sme faktura",
    ),
    "hu": (  # Hungarian
        "áéöóőüíúű",
        (
            "köszönöm szépen üdvözlettel kérjük kérem számla számlát fizetés határidő szállítás "
            "megrendelés ügyfél ügyében és is még már több első második következő között idő "
            "időpont csütörtök péntek hétfő szerda május június július október összeg összesen új "
            "úgy így később őszinte ősz hűtő gyűjtő fűtés művelet tűz név település önnek ön önök "
            "által volt lesz kérdés válasz válaszát jövő héten nélkül belül ügyintéző cím "
            "teljesítés végösszeg értesítjük tájékoztatjuk mellékelten küldöm küldjük árajánlat árú "
            "szerződés szükséges lehetőség rögzítés"
        ),
        "a az es hogy nem egy van meg ha de csak is",
    ),
    "ro": (  # Romanian
        "ăîâşţșț",
        (
            "și să în că vă rugăm mulțumesc bună ziua această aceasta plată plata facturã factură "
            "facturii sunteți între înainte după către câteva până mâine când cât fără doriți "
            "prețul preț cerere soluție informații număr numărul săptămână lună luni marți miercuri "
            "sâmbătă București județ țară oraș stradă așa toți toată societății societatea aș mai "
            "încă îmi îți vând român română întrebare şi ţară aţi plăţi sunteţi cunoștință livrării "
            "achiziție"
        ),
        "nu de la cu pe din pentru este sau care mai am",
    ),
    "hr": (  # Croatian, Slovene
        "čžšćđ",
        (
            "što još više možete može račun računa plaćanje uplaćeno već također međutim između "
            "poštovani poštovana godišnji tjedan mjesečno riječ točno čekamo četvrtak srijeda "
            "ožujak lipanj važno narudžba pošiljka isporuče naši vaš vaša hoće će ćemo gđa žao "
            "želim kuća noć doći slučaj začetek plačilo naročilo že če še cena ključ"
        ),
        "je na se u i da za od su s po to ne bi smo",
    ),
    "de": (  # German
        "üäöß",
        (
            "für über können könnte müssen während später nächste nächsten schön größe groß grüße "
            "grüßen straße außerdem dass möchten rückfragen stück stücke geschäft geschäftsführer "
            "änderung ändern übersicht überweisung öffnung öffnen möglich verfügung prüfen prüfung "
            "zurück gemäß wäre hätte würde würden dürfen fünf zwölf jährlich märz köln münchen "
            "düsseldorf nürnberg täglich bestätigung bestätigen büro heißt weiß natürlich höhe "
            "gebühr zunächst rücksendung ausfüllen vertrag kündigung gültig erklärung beschädigt "
            "söhne löschen mängel"
        ),
        "und die der das ist nicht mit von zu den ein eine auf wir sie im bitte rechnung",
    ),
    "fr": (  # French
        "éàèêçôâîûùëïœÿæ",
        (
            "été à très être même après déjà également société numéro réponse référence réception "
            "réclamation règlement règle père mère première dernière problème système ça français "
            "façon reçu reçue leçon où là voilà hôtel tôt côté bientôt âge château tâche connaître "
            "naître île août sûr dû goût cœur œuvre sœur vœux noël naïf maïs chère cher délai "
            "délais décembre février présent présente annulé payé payée envoyé états éléments "
            "équipe école café facturé pièce jointe détail qualité quantité clientèle trésorerie "
            "répondre modèle élève prêt fenêtre forêt intérêt d'être déçu"
        ),
        "le la les de des du et un une est pas que pour dans nous vous avec sur merci",
    ),
    "es": (  # Spanish
        "óíáéñú¿¡ü",
        (
            "está están también más sí así después información atención solicitud dirección gestión "
            "reclamación cotización número teléfono código artículo factura año años mañana señor "
            "señora señores español compañía niño día días envío envíe todavía categoría qué cómo "
            "cuándo dónde quién cuál por aquí ahí según miércoles sábado próximo próxima último "
            "última únicamente útil página público ningún pingüino vergüenza averigüe además través "
            "interés podrá podrán podría será recibí pagó llegó hablé él tú mí río país electrónico "
            "técnico químico garantía ¿qué ¿cómo ¿cuándo ¿puede ¿podría ¡hola ¡gracias pequeño"
        ),
        "el la los las de en y que un una por con para no es se su gracias",
    ),
    "pt": (  # Portuguese
        "ãçáéíóêõâúàôü",
        (
            "não são então também já está você vocês atenção informação solicitação situação ações "
            "opções condições questões razões pagamento serviço preço março peça começar força "
            "licença português três mês até café é só nós após próximo próxima número último última "
            "público código período necessário necessária disponível possível horário salário "
            "calendário início às à àquela câmara importância distância orçamento cotação avô pôr "
            "tempo lâmpada manhã amanhã irmã mão mãe pão coração endereço fatura alteração "
            "devolução descrição fábrica técnico crédito débito água área órgão ótimo índice "
            "compreensão tô põe dê vê"
        ),
        "o a os as de em e que um uma por com para nao se do da dos das obrigado",
    ),
    "it": (  # Italian
        "èàòùéì",
        (
            "è perché poiché né già più può però così lì là sarà città quantità qualità attività "
            "società università novità disponibilità possibilità metà età verrà potrà dovrà farà "
            "lunedì martedì mercoledì giovedì venerdì sì giù laggiù caffè cioè tè ciò pagherò "
            "invierò farò finché affinché c'è cos'è purché virtù gioventù tribù"
        ),
        "il la di che e un una per con non sono si del della le gli grazie fattura",
    ),
    "sv": (  # Swedish
        "äöåé",
        (
            "och för från är på så också även får måste måndag lördag söndag tack fråga frågor "
            "förfrågan beställning försändelse kvällen när här där vänliga hälsningar hälsning år "
            "månad månader två åtta åter ändra ändring över överföring öppna öppet större möjligt "
            "möte någon något några köp köpa sälja betala ärende årlig gång gånger behöver gör göra "
            "ort gäller tillgänglig företag företaget kostnad välkommen skånsk idé ett mä rätt "
            "ställa få nå stå uppgifterna räkning fakturan åäö"
        ),
        "och att det i en ett som av med den till inte om vi jag har",
    ),
    "fi": (  # Finnish
        "äöå",
        (
            "hyvää päivää tämä että sitä mitä myös käyttää maksettava määrä tilauksenne lähetys "
            "lähetän ystävällisin terveisin yhteyttä meidän tänään tänä näin näiden vähän pitää "
            "täytyy työ työtä hyödyt yö öljy älä äiti eräpäivä lisätietoja toimitusehdot kysymys "
            "pyydämme pystyä löydä löytyy sähköposti maksu hinta käsittely åbo ångström jäsen täysi "
            "ylittää säännöt"
        ),
        "ja on ei se etta kun olen ovat mutta tai kuin me te lasku",
    ),
    "da": (  # Danish, Norwegian
        "åøæéöä",
        (
            "på så også får må når måned måneder år gå stå få fået være værsgo gør gøre større "
            "først første for øre økonomi ønsker ønske øvrige købe køb købt spørgsmål bestilling "
            "forespørgsel mandag lørdag søndag særlig således næste vælge vært læse tælle ændre "
            "ændring ære ærlig både blå ånd åben åbne hjælp følge følgende følger høre høring "
            "kørsel betale måtte selvfølgelig beløb beløbet kære venlig hilsen én idé påmindelse "
            "forfaldsdato prøve brød"
        ),
        "og at det i en et som af med den til ikke om vi jeg har er",
    ),
    "nl": (  # Dutch
        "ëéïüöèêáç",
        (
            "één vóór geïnteresseerd geïnstalleerd ideeën ideeëns reünie coördinatie coördineren "
            "financiële officiële industriële belgië italië categorieën beëindigen geëist "
            "drieëntwintig tweeëntwintig zoëven zeeën café cliënt cliënten patiënt patiënten "
            "efficiënt ingrediënten creëren crème scène hé privé reëel kopieën variëren knieën "
            "oriëntatie initiëren ruïne egoïst naïef poëzie vacuüm continuüm à"
        ),
        "de het een van en in is dat op te niet zijn met voor aan er ik u wij",
    ),
    "tr": (  # Turkish
        "ıüşçğöİâîû",
        (
            "için teşekkür teşekkürler ederim günü gün iş şirket şirketimiz müşteri sipariş "
            "siparişiniz ödeme ödemeniz değişiklik değil olduğu olduğunu yapıldı aldık alındı "
            "lütfen fatura faturası tarihi çünkü çok üç dört beş altı yıl yılı ayı sayın hanım kırk "
            "salı çarşamba perşembe cuma ağustos şubat kasım aralık sağlık bağlı doğru öğle öğrenci "
            "güncel göre görüşme özel önce sonra ürün ürünler üzerinde istanbul içinde ağ dağ "
            "yazılım satış kârlı kullanıcı şekilde geldiği bilgi ışık ılık yanlış onaylı "
            "saygılarımızla mı mısınız"
        ),
        "ve bir bu da de ile olarak ne daha icin var sayin",
    ),
    "is": (  # Icelandic
        "ðáíþóéöúæý",
        (
            "það þið þú þetta þér því við með verður já þökk kærar kveðjur fyrir ég góðan dag "
            "greiðsla reikningur hún hægt ára ár mánuður síðan sími öll önnur þýða nýtt nýr ísland "
            "vörur pöntun áður úr út æfing"
        ),
        "og er ekki um til sem en var hann",
    ),
    "lt": (  # Lithuanian
        "ėšųžūįąčę",
        (
            "ačiū dėl už iš šį šią mūsų jūsų prašome prašau sąskaita sąskaitą užsakymas užsakymą "
            "mokėjimas mokėjimą gerbiamas gerbiami kaip žinoti įmonė įmonės didžiausias laiškas "
            "šiandien rugsėjis birželis vertė čia ketvirtadienį būti būtų tęsti pinigų dienų mėnesį "
            "ąžuolas ėmė"
        ),
        "ir yra kad su tai ne i jau bet",
    ),
    "lv": (  # Latvian
        "āīēšūžņļģķč",
        (
            "paldies lūdzu rēķins rēķinu pasūtījums mūsu jūsu kā tā arī būs būt labdien cienījamie "
            "maksājums maksājumu šodien šis ļoti ģimene ķermenis veļa nedēļa mēnesis mēneša gadā "
            "īpaši jābūt pēc kļūda darbība piegāde vēlamies sīkāk četri diņķis viņš viņa ņemt "
            "žurnāls"
        ),
        "un ir par no ar uz ka es bet",
    ),
    "et": (  # Estonian
        "äõüöšž",
        (
            "tänan küsimus küsimused õige õhtu täna päev päeva või mõni üks üle üldine töö tööd "
            "tähtaeg võib võimalik võtta lõpp kõik jõudu arve makse väga süsteem ööd öelda mööda "
            "kõrge nädal šokolaad žanr"
        ),
        "ja on ei see et kui ka oma",
    ),
}

# By language: letters with their frequency in thousandths; frequent words.
OTHER_SCRIPTS: dict[str, tuple[str, str]] = {
    "ru": (  # Russian
        (
            "о110 е85 а80 и74 н67 т63 с55 р47 в45 л44 к35 м32 д30 п28 у26 я20 ы19 ь17 г17 з16 б16 "
            "ч14 й12 х10 ж9 ш7 ю6 ц5 щ4 э3 ф3 ъ0.4 ё1"
        ),
        (
            "добрый день здравствуйте прошу просим вас нас вам что это как для при или не на по с в "
            "к о от до за из уважаемый уважаемые спасибо пожалуйста документы документ письмо "
            "заявка заявление работа работы отправить получил получили можно нужно будет были быть "
            "если ещё уже также только сегодня завтра вчера неделя месяц год года лет сумма рублей "
            "цена стоимость товар товары груз склад доставка адрес телефон вопрос вопросы проблема "
            "решение ошибка система компания общество директор менеджер клиент клиенты банк перевод "
            "платёж платежи подпись копия приложение приложении вложение информация предложение "
            "коммерческое согласование утверждение задержка причина жалоба замена ремонт гарантия "
            "который которые поступление предоплата чтобы мы вы я он она они наш ваш всё все этот "
            "время человек необходимо сообщаем"
        ),
    ),
    "uk": (  # Ukrainian
        (
            "о94 а72 н65 и61 і57 в53 т52 е49 р47 с41 к40 л36 у33 д33 м31 п29 я22 з22 ь18 г17 ч14 "
            "б17 й12 х12 ц8 ю9 ї6 ж8 є6 ш7 щ5 ф3 ґ0.2"
        ),
        (
            "добрий день вітаю прошу просимо вас нас вам що це як для при або не на по з в у до від "
            "за із шановний шановні дякую дякуємо будь ласка документи документ лист заявка заява "
            "робота роботи надіслати отримав отримали можна потрібно буде були бути якщо ще вже "
            "також тільки сьогодні завтра вчора тиждень місяць рік року років сума гривень ціна "
            "вартість товар товари склад доставка адреса телефон питання проблема рішення помилка "
            "система компанія товариство директор клієнт клієнти банк переказ платіж підпис копія "
            "додаток додатку інформація пропозиція затримка причина скарга заміна ремонт гарантія "
            "який які щоб ми ви я він вона вони наш ваш все цей час її їх є і й та необхідно "
            "повідомляємо"
        ),
    ),
    "bg": (  # Bulgarian
        (
            "а120 и95 о90 е87 т76 н65 р50 с48 в43 л37 к34 д33 п28 м24 з22 у18 я17 ъ17 г16 б14 ч12 "
            "ц10 й8 щ8 х7 ж6 ш4 ф3 ю2 ь0.3"
        ),
        (
            "добър ден здравейте моля молим ви ни че това как за при или не на по с в към от до из "
            "уважаеми благодаря документи документ писмо заявка заявление работа изпрати получих "
            "получихме може трябва ще беше били бъде ако още вече също само днес утре вчера седмица "
            "месец година години сума лева цена стойност стока стоки склад доставка адрес телефон "
            "въпроси проблем решение грешка система компания дружество управител клиент клиенти "
            "банка превод плащане подпис копие приложение информация оферта забавяне причина жалба "
            "замяна ремонт гаранция който които са съм сме сте е и да се нашата вашата всички този "
            "време"
        ),
    ),
    "be": (  # Belarusian
        (
            "а150 і60 н60 е45 р45 с45 к40 т40 л38 я38 д35 у33 о33 м28 п28 ы35 в27 з25 ў17 ь17 ц25 "
            "г15 б14 э14 ч14 ш10 х10 ё8 й10 ж8 ю7 ф2"
        ),
        "",
    ),
    "sr": (  # Serbian
        (
            "а120 и95 о90 е88 н55 р53 с48 т45 у43 ј40 д37 в36 к36 л33 м32 п27 з17 г17 б15 ч9 ш9 ц8 "
            "ж6 њ6 х6 ћ6 љ5 ф2 ђ2 џ0.3"
        ),
        "",
    ),
    "el": (  # Greek
        (
            "α90 ο85 ι65 ε65 τ78 σ45 ν62 η42 υ37 ρ41 π40 κ40 μ33 λ29 ς38 ω16 γ17 δ17 ά19 ί26 ό20 "
            "έ19 ή13 ύ11 ώ8 θ12 φ9 χ11 β7 ξ5 ζ4 ψ2 ϊ0.5 ϋ0.2 ΐ0.2 ΰ0.1"
        ),
        (
            "καλημέρα σας μας παρακαλώ παρακαλούμε ευχαριστώ ευχαριστούμε και το τα η ο οι του της "
            "των τον την στο στη στην στα από με για να θα δεν είναι έχει έχω έχουμε ότι που πως "
            "όπως αν ή αλλά κύριε κυρία αγαπητέ έγγραφο έγγραφα επιστολή αίτηση εργασία αποστολή "
            "λάβαμε μπορεί μπορείτε πρέπει σήμερα αύριο χθες μήνας έτος χρόνια ποσό ευρώ τιμή αξία "
            "προϊόν προϊόντα αποθήκη παράδοση διεύθυνση τηλέφωνο πρόβλημα λύση λάθος σύστημα "
            "εταιρεία διευθυντής πελάτης πελάτες τράπεζα πληρωμή υπογραφή αντίγραφο συνημμένο "
            "πληροφορίες προσφορά καθυστέρηση λόγος παράπονο αντικατάσταση επισκευή λογαριασμός "
            "παραγγελία παραλαβή ημέρα χρόνος όλα αυτό αυτή συνεργασία σχετικά αριθμός"
        ),
    ),
}

# Alphabets of further languages: they can confirm a declared charset, but are never guessed.
FURTHER_LATIN = (
    "àèéíïóòúüç·",  # Catalan
    "ëç",  # Albanian
    "áéíóúàèìòù",  # Irish, Scottish Gaelic
    "áðíóúýæø",  # Faroese
    "äéëêôûïöüáóí",  # Luxembourgish, Afrikaans, Frisian
    "ćčěłńóřšźž",  # Sorbian
    "áéíóúüñç",  # Galician, Basque
)
FURTHER_CYRILLIC = "абвгдѓежзѕијклљмнњопрстќуфхцчџшѐѝ"  # Macedonian
