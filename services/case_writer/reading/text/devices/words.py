"""The words of the lines that programs on phones and others add below a text.

They are in lower case.
"""

# ruff: noqa: RUF001 - words and signs of other scripts


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The lines that programs on phones and others add as a signature: how they begin, and the words
# that may follow.
DEVICE_STARTS = (
    "sent from my", "sent from", "sent via", "sent with", "sent using", "get",
    "wysłane z mojego", "wysłane z mojej", "wysłano z mojego", "wysłane z", "wysłano z",
    "wysłane ze", "wysłano ze", "wysłane przy użyciu", "wysłano za pomocą", "pobierz",
    "von meinem", "von meiner", "gesendet von meinem", "gesendet von meiner", "gesendet von",
    "gesendet mit", "gesendet über", "diese nachricht wurde von meinem",
    "diese e-mail wurde von meinem", "holen sie sich",
    "envoyé de mon", "envoyé depuis mon", "envoyé à partir de", "envoyé à partir", "envoyé depuis", "envoyé de",
    "obtenez", "télécharger", "enviado desde mi", "enviado desde", "enviado do meu",
    "enviado de mi", "enviado do", "enviado a partir do meu", "enviado a partir do",
    "enviado da", "enviado via", "enviado pelo", "obter o", "obtenga", "obtener", "inviato da",
    "inviato dal mio", "inviato dal", "scarica", "ottieni", "verzonden vanaf mijn",
    "verstuurd vanaf mijn", "verzonden met", "verstuurd vanaf", "verzonden vanuit",
    "verzonden vanaf", "download", "odesláno z mého", "odesláno z", "odesláno ze",
    "odesláno pomocí", "získejte", "stáhnout", "надіслано з мого", "надіслано з",
    "відправлено з мого", "відправлено з", "отримайте", "отправлено с моего", "отправлено с",
    "отправлено со",
    "отправлено из", "получить", "skickat från min", "skickat från mitt", "skickat från",
    "skickat med", "hämta", "skaffa", "sendt fra min", "sendt fra mit", "sendt fra",
    "sendt med", "hent", "få", "skaff deg", "lähetetty", "hanki", "získat", "отримати",
    "скачать", "завантажити", "загрузить", "obtenir", "envoyé avec", "envoyé via", "enviado con",
    "enviado com", "inviato con", "inviata con", "inviata da", "verzonden via", "verstuurd met",
    "verstuurd via", "odesláno přes", "надіслано через", "отправлено через", "skickat via",
    "sendt via", "wysłano z użyciem", "gesendet aus",
    "gesendet via", "lähetetty käyttäen", "wysłane za pomocą", "odoslané z môjho", "odoslané z",
    "odoslané zo", "získať", "stiahnuť", "trimis de pe", "trimis din", "trimis cu", "obțineți",
    "descărcați", "отправлено с помощью", "az outlook beszerzése", "az outlook letöltése",
)  # fmt: skip
DEVICE_PRODUCTS = _words(
    """iphone iphone'a iphone’a iphone'u iphone-a iphonea iphonie iphonu iphonen ipad ipad'a
    ipad’a ipada ipadu ipod samsung samsunga galaxy android androidzie outlooku androida
    androidem androidu huawei xiaomi redmi nokia blackberry htc xperia oneplus pixel motorola
    outlook outlooka gmail yahoo aol proton protonmail k-9 bluemail aquamail thunderbird
    windows gmx web.de mail.ru яндекс.почты ios fairphone icloud айфона huaweia айпада
    iphonesta iphonestani ipadista ipadistani androidista outlookista galaxy-laitteestani
    galaxy-puhelimesta galaxysta galaxy-smartphone galaxy-gerät android-gerät telekom mailspring airmail
    iphone-ul ipad-ul iphone-ról iphone-omról ios-hez androidhoz
    superhuman tutanota spark zoho fastmail shortwave bluemail
    seznam яндекс tuta mimestream naver daum qq foxmail hotmail icloudu protonmaila proton.me"""
)
# Names that also mean something else: they count only with `mail` in the line.
DEVICE_NAMES = _words("edison libero aqua canary nine spike newton orange virgilio почты")
# How lines begin that advertise a program; a phone is not advertised like this.
DEVICE_OFFERS = _words(
    "get download pobierz holen obtenez télécharger obter obtenga obtener scarica ottieni získejte stáhnout отримайте "
    "получить hämta skaffa hent få skaff hanki získat získať stiahnuť obțineți descărcați "
    "отримати скачать завантажити загрузить"
)
# The words of the sentence that may follow.
DEVICE_APOLOGIES = _words(
    """please excuse my any typos brevity the errors mistakes spelling sorry for and brief short bitte
    entschuldigen sie meine kürze tippfehler die proszę wybaczyć moją zwięzłość przepraszam za
    błędy literówki excusez la brièveté les fautes disculpa mi brevedad los errores"""
)
# After `my`, these words are enough, too.
DEVICE_THINGS = _words(
    """phone smartphone smartphona smartfona smartfonu mobile handy mobiltelefon telefon telefonu telefonem
    telefonie tablet tabletu tableta tablette téléphone móvil movil teléfono celular telemóvel
    telefono cellulare telefoon mobiel mobil mobilu mobiltelefonu mobilní телефона смартфона
    смартфону телефону mobiltelefonen mobilen cell device unterwegs puhelimesta puhelimestani älypuhelimesta
    telefónu telefonul"""
)
DEVICE_OTHERS = _words(
    """for für dla pour para per voor pro för til till на для mail mobile app application
    aplikacja aplikacji aplikację aplikace systemu system programu poczta poczty e-mail email
    secure using the my free a an mobilen mobilny device urządzenia urządzeń gerät gesendet
    geschickt versendet gesendet. smartphone telefonu telefon smartfona handy tablet with
    client z telefonem phone on from courrier correo posta seguro mobiel mobile. via
    dispositivo appareil moim mojego mini max plus ultra note lite mac app. wurde der die das
    sicheren de do da pt. phones cell verizon t-mobile wireless lte microsoft ios mit
    мобильной почты l'application orange network vodafone rogers at&t
    la messagerie sécurisée sichere seguro. correio cliente klient klienta w på 5g 4g meinem/meiner
    search organize conquer program programa handset network. celular aplicativo applicazione appka aplikaci mobila
    laitteesta minun na auf urządzeniu correio pošty e-post chytrého telefonu best work zařízení mého пристрою
    мого su pre pentru meu mea устройства az készülékemről telefonomról пошти o"""
)


# In languages without spaces: the text before and behind the product.
DEVICE_FRAMES = (
    ("", "から送信"), ("", "から送信されました"), ("发自我的", ""), ("發自我的", ""), ("发自", ""),
    ("从我的", "发送"), ("從我的", "傳送"), ("从", "版邮件发送"), ("從", "版郵件傳送"), ("나의", "에서 보냄"),
    ("내", "에서 보냄"), ("", "에서 보냄"), ("", "에서 보낸 메일"),
)  # fmt: skip
