"""Why something was refused or failed, in Polish."""

from schemas.reasons import IdentityProblem, SendProblem
from services.desk.pages.i18n.failures import Failures

_SEND_AGAIN = "Żądanie nie dotarło w całości. Wyślij je ponownie."
_FETCH_WHOLE = (
    "Zapisano tylko jej początek. Zwiększ limits.max_mail_bytes i uruchom ponownie fetchery, które "
    "pobiorą ją wtedy w całości; potem odrzuć tę wiadomość."
)
_GIVE_URL = (
    "Podaj adres URL, który zaczyna się od https:// i prowadzi do publicznego adresu, bez nazwy "
    "użytkownika, hasła i fragmentu."
)

FAILURES = Failures(
    refusals={
        # Cases
        "already-there": ("Sprawa jest już na etapie {to}.", "Tak już jest."),
        "bad-id": ("Odpowiedź ma nieprawidłowy identyfikator.",),
        "closed": (
            "Sprawa {case} jest zamknięta. Najpierw otwórz ją ponownie.",
            "Sprawa jest zamknięta.",
        ),
        "draft-changed": ("Szkic zmieniono w innym oknie. Odśwież stronę.",),
        "empty-file": ("Plik jest pusty.",),
        "empty-note": ("Notatka nie ma treści.",),
        "file-too-large": (
            "Większe niż 25 MB i niedołączone: {names}.",
            "Plik jest większy niż 25 MB.",
        ),
        "invalid-assignee": ("Sprawę można przydzielić tylko osobie albo grupie.",),
        "invalid-hold": ("Odpowiedź nie może czekać tak długo.",),
        "invalid-title": ("Tytuł ma od 1 do 500 znaków.",),
        "invalid-value": (
            "{field}: {form} {names}.",
            "{field}: {form}",
            "Jedna z wartości jest niepoprawna.",
        ),
        "merged": (
            "Sprawę {case} połączono ze sprawą {into}. Pracuj tam albo cofnij połączenie.",
            "Sprawę połączono z inną.",
        ),
        "missing-field": (
            "Etap {to} wymaga najpierw uzupełnienia pól: {names}.",
            "Brakuje wartości pól.",
        ),
        "no-case-number": ("Podaj numer sprawy, na przykład 235.",),
        "no-mail": ("W każdej z dwóch spraw musi być co najmniej jedna wiadomość.",),
        "no-recipient": ("Nie ma do kogo wysłać wiadomości. Podaj adres.",),
        "no-sender": ("Proces nie ma adresu nadawcy. Zapytaj administratora.",),
        "no-smtp-server": ("Z tego procesu nie można wysyłać poczty. Zapytaj administratora.",),
        "no-such-answer": ("Nie ma takiej odpowiedzi.",),
        "no-such-case": ("Nie ma takiej sprawy. Sprawdź jej numer.",),
        "no-such-comment": ("W tej sprawie nie ma takiego wpisu.",),
        "no-such-field": ("Proces nie ma takiego pola.",),
        "no-such-process": ("Nie ma takiego procesu. Zapytaj administratora.",),
        "no-such-stage": ("Sprawa tego procesu nie może być na tym etapie.",),
        "no-such-upload": ("Jednego z plików już nie ma. Dodaj go ponownie.",),
        "no-time": ("To nie jest data i godzina.",),
        "no-transition": (
            "Z etapu {stage} nie można przejść do {to}. Następne etapy: {names}.",
            "Z etapu {stage} nie można przejść do {to}. Żaden etap po nim nie następuje.",
            "Sprawa nie może teraz przejść do tego etapu.",
        ),
        "not-allowed": (
            "Z etapu {stage} sprawę mogą przenieść tylko role: {names}.",
            "Nie masz roli, która jest do tego potrzebna.",
        ),
        "not-merged": ("Tej sprawy nie połączono z inną.",),
        "note-too-long": ("Notatka jest za długa. Dołącz tekst jako plik.",),
        "same-case": ("Sprawy nie można połączyć z nią samą.",),
        "stale-revision": ("Zmieniono ją w międzyczasie.",),
        "text-too-long": ("Tekst jest za długi. Dołącz go jako plik.",),
        "too-late": ("Odpowiedź już wysłano albo cofnięto.",),
        "too-many-recipients": ("Odbiorców jest za dużo. Usuń kilku.",),
        "too-many-uploads": (
            "Ponad {files} plików lub {megabytes} MB czeka na notatkę albo odpowiedź. Użyj ich albo odczekaj dwa dni.",
            "Za dużo Twoich plików czeka na notatkę lub odpowiedź.",
        ),
        "too-many-views": ("Zapisanych widoków jest za dużo. Najpierw usuń któryś.",),
        "unknown-process": ("Procesu nie ma w ustawieniach. Zapytaj administratora.",),
        "unusable-address": ("Na jeden z adresów nie da się wysłać wiadomości. Popraw go.",),
        # Search
        "empty-search": ("Podaj co najmniej jedno słowo z dwóch lub więcej liter.",),
        "search-too-broad": ("Pasuje zbyt wiele wpisów. Dodaj słowa albo wybierz proces.",),
        "filter-too-broad": (
            "Spraw jest za dużo. Wybierz proces albo etap, albo skorzystaj z wyszukiwania.",
        ),
        # Parked mail
        "content-missing": ("Jej treści nie zapisano. Można ją odczytać ponownie z archiwum.",),
        "mail-too-large": (_FETCH_WHOLE,),
        "outcome-changed": ("Ktoś inny już zdecydował o tej wiadomości.",),
        # People, tokens and webhooks
        "being-delivered": ("Trwa dostarczanie. Spróbuj za kilka sekund.",),
        "invalid-address": ("To nie jest adres e-mail.",),
        "invalid-group": ("Nazwa grupy ma od 1 do 200 znaków, w jednym wierszu.",),
        "invalid-name": ("Nazwa ma od 1 do 200 znaków, w jednym wierszu.",),
        "invalid-process": ("Nie ma takiego procesu.",),
        "invalid-role": ("Nie ma takiej roli.",),
        "invalid-scope": ("Wybierz co najmniej jedno uprawnienie.",),
        "invalid-url": (_GIVE_URL,),
        "link-unusable": ("Link został już użyty albo wygasł.",),
        "login-by-provider": ("Tutaj loguje się kontem organizacji.",),
        "login-failed": ("Błędny adres lub hasło.",),
        "no-identity": ("Konto nie ma tożsamości u dostawcy.",),
        "no-such-user": ("Nie ma takiej osoby.",),
        "passwords-differ": ("Podane hasła różnią się.",),
        "token-exists": ("Token z tego formularza już istnieje. Odśwież stronę.",),
        "too-many-attempts": (
            "Zbyt wiele nieudanych prób. Odczekaj {minutes} min i spróbuj ponownie.",
            "Zbyt wiele nieudanych prób. Spróbuj później.",
        ),
        "too-many-tokens": ("Tokenów jest za dużo. Najpierw unieważnij któryś.",),
        "too-many-webhooks": ("Webhooków jest za dużo. Najpierw usuń któryś.",),
        "user-disabled": ("Konto jest wyłączone. Najpierw je włącz.",),
        "user-exists": ("Konto {user} już istnieje.", "Takie konto już istnieje."),
        "weak-password": (
            "Hasło ma co najmniej {min} znaków. Użyj zdania z czterech lub więcej słów.",
            "Hasło łatwo odgadnąć. Użyj zdania z czterech lub więcej słów.",
        ),
        "webhook-disabled": ("Webhook jest wyłączony. Najpierw go włącz.",),
        # Requests
        "cross-site": ("Formularz wysłała inna strona internetowa.",),
        "idempotency-key-reused": ("Ten sam klucz wysłano z innym żądaniem.",),
        "incomplete": (_SEND_AGAIN,),
        "internal-error": ("Błąd został zapisany.",),
        "invalid-cursor": ("Lista się zmieniła. Zacznij od jej pierwszej strony.",),
        "invalid-idempotency-key": ("Nagłówek Idempotency-Key jest nieprawidłowy.",),
        "invalid-if-match": ("Nagłówek If-Match jest nieprawidłowy.",),
        "invalid-request": ("Jednej z wartości brakuje, jest za długa albo niepoprawna.",),
        "method-not-allowed": ("Użyj przycisków na stronie.",),
        "not-found": ("Nie istnieje albo nie masz do tego dostępu.",),
        "not-signed-in": ("Zaloguj się ponownie.",),
        "precondition-required": ("Strona jest nieaktualna. Odśwież ją.",),
        "range-not-satisfiable": ("Plik nie ma takiego zakresu.",),
        "refused": ("Reguły teraz na to nie pozwalają.",),
        "still-answered": ("Trwa odpowiedź na pierwsze żądanie.",),
        "partly-refused": ("Części z tego nie da się zrobić.",),
        "too-large": ("To za dużo naraz. Wyślij mniej.",),
        "too-many-headers": ("Przeglądarka wysyła za dużo nagłówków.",),
        "too-many-streams": ("Otwartych jest jednocześnie zbyt wiele stron.",),
        "too-slow": (_SEND_AGAIN,),
        "unavailable": ("Serwer nie odpowiada. Spróbuj za kilka sekund.",),
        "unsupported-media-type": ("Formularz wysłano w nieobsługiwanym formacie.",),
    },
    field_forms={
        "text": "Wpisz od 1 do 1000 znaków.",
        "number": "Wpisz liczbę, na przykład 1234,56.",
        "money": "Wpisz kwotę z walutą, na przykład 1234,56 PLN.",
        "date": "Wpisz datę, na przykład 2026-11-30.",
        "choice": "Wybierz jedną z wartości:",
        "bool": "Wybierz tak albo nie.",
        "email": "Wpisz adres e-mail, na przykład imie@example.com.",
        "nip": "Wpisz dziesięć cyfr numeru NIP. Sprawdź je: któraś może być błędna.",
        "iban": "Wpisz numer rachunku bankowego. Sprawdź jego cyfry: któraś może być błędna.",
        "ksef": "Wpisz numer KSeF tak, jak jest na fakturze. Sprawdź jego znaki.",
    },
    mailboxes={
        "ca-file": "Nie można użyć pliku z server.{server}.ca_file. Musi zawierać certyfikaty PEM, "
        "a fetcher musi mieć prawo go czytać.",
        "cannot-move": "Nie można przenosić wiadomości do folderu z server.{server}.move_to. "
        "Utwórz ten folder, zwolnij w nim miejsce albo popraw ustawienie.",
        "certificate-expired": "Certyfikat serwera {host} wygasł. Odnów go na serwerze poczty albo "
        "ustaw zegar komputera, na którym działa fetcher.",
        "certificate-name": "Certyfikat serwera {host} jest na inną nazwę. Wpisz w "
        "server.{server}.host nazwę z certyfikatu.",
        "certificate-untrusted": "Certyfikat serwera {host} pochodzi od nieznanego urzędu. Popraw "
        "server.{server}.host albo podaj certyfikat urzędu w server.{server}.ca_file.",
        "dependency": "Skrzynka działa, ale broker albo baza danych nie przyjmuje jej poczty.",
        "fault": "Błąd w samym Mailcase. Zgłoś go razem ze śladem z dziennika fetchera.",
        "folder-not-opened": "Nie można otworzyć folderu {folder}. Utwórz go albo popraw folder "
        "skrzynki w ustawieniach.",
        "folder-read-only": "Folder {folder} jest tylko do odczytu. Daj użytkownikowi {user} prawo "
        "usuwania i oznaczania w nim wiadomości.",
        "login-refused": "Serwer {host} odmawia logowania. Sprawdź użytkownika i hasło oraz to, "
        "czy konto może używać tego protokołu.",
        "may-not-delete": "Użytkownik {user} nie może usuwać wiadomości z folderu {folder}. Daj mu "
        "to prawo albo ustaw delete_after_fetch = false.",
        "no-encryption": "Serwer {host} nie oferuje szyfrowania na porcie {port}. Sprawdź, czy "
        'oferuje tam STARTTLS, albo ustaw server.{server}.security = "tls".',
        "no-name-server": "Żaden serwer nazw nie odpowiada na pytanie o {host}. Sprawdź sieć i "
        "serwery nazw komputera, na którym działa fetcher.",
        "no-secret": "Nie można odczytać hasła skrzynki. Sprawdź jego plik albo zmienną.",
        "no-such-host": "Nie ma serwera o nazwie {host}. Popraw server.{server}.host.",
        "no-token": "Nie wydano tokenu dostępu. Sprawdź ustawienia oauth2 i uprawnienia aplikacji.",
        "protocol": "Serwer {host} przysłał nieprawidłową odpowiedź. Sprawdź dziennik serwera "
        "poczty; fetcher próbuje ponownie.",
        "token-library": "Brakuje bibliotek do OAuth 2.0. Zainstaluj dodatek oauth2 tam, gdzie "
        "działa fetcher.",
        "token-secret": "Nie można użyć sekretu z ustawień oauth2. Sprawdź jego plik albo zmienną.",
        "token-unreachable": "Serwer, który wydaje tokeny dostępu, nie odpowiada. Sprawdź, czy "
        "fetcher może się z nim połączyć.",
        "tls-failed": "Serwer {host} nie przyjmuje TLS na porcie {port}. Sprawdź "
        "server.{server}.security i server.{server}.port.",
        "too-slow": "Serwer {host} odpowiada zbyt wolno. Sprawdź serwer i sieć albo zwiększ "
        "server.{server}.timeout_s.",
        "unreachable": "Nie można połączyć się z serwerem {host} na porcie {port}. Sprawdź "
        "server.{server}.host i server.{server}.port.",
    },
    dead_letters={
        "cannot be routed": "Router zawiódł przy tej wiadomości",
        "not handled": "Indeks wyszukiwania zawiódł przy tym zdarzeniu",
        "unexpected": "Nie udało się odczytać pól z tej wiadomości",
        "unreadable": "Komunikatu nie da się odczytać",
        "delivery_limit": "Przetwarzanie zawiodło zbyt wiele razy",
        "expired": "Komunikat zbyt długo czekał w kolejce",
        "maxlen": "Kolejka była pełna",
        "rejected": "Usługa go odrzuciła",
        "unknown": "Usługa nie mogła go przetworzyć",
    },
    deliveries={
        "address-refused": "Host nie prowadzi do adresu, z którym webhooki mogą się łączyć",
        "connection": "Połączenie nie powiodło się",
        "invalid-url": "Adres URL jest nieprawidłowy",
        "no-http": "Odpowiedź odbiorcy nie jest poprawnym HTTP/1.1",
        "redirect": "Odbiorca przekierowuje; podaj docelowy URL",
        "status": "Odbiorca zgłosił błąd",
        "timeout": "Odbiorca nie odpowiedział na czas",
        "tls": "Szyfrowane połączenie nie powiodło się",
    },
    sending={
        SendProblem.HELD: "wysłano zbyt dużo automatycznej poczty. Ta wyjdzie później.",
        SendProblem.NOT_COMPOSED: "wiadomości nie da się zbudować",
        SendProblem.TOO_LARGE: "wiadomość jest większa, niż pozwala sender.max_mail_bytes",
        SendProblem.INTERNAL: "błąd wewnętrzny, zapisany w dzienniku; próba zostanie ponowiona",
        SendProblem.NO_SERVER: "ustawienia nie wskazują serwera SMTP dla tego procesu.",
        SendProblem.FILE_MISSING: "brakuje jednego z jej plików",
        SendProblem.BAD_HEADER: "nie da się zapisać jednego z jej nagłówków",
        SendProblem.NO_PASSWORD: "nie można odczytać hasła do serwera SMTP",
        SendProblem.NO_TOKEN: "nie wydano tokenu dostępu",
        SendProblem.TOKEN_LIBRARY: "brakuje bibliotek do OAuth 2.0",
        SendProblem.TOKEN_SECRET: "nie można użyć sekretu do OAuth 2.0",
        SendProblem.TOKEN_UNREACHABLE: "nie odpowiada serwer, który wydaje tokeny dostępu",
        SendProblem.NO_SESSION: "brak połączenia z serwerem SMTP",
        SendProblem.BAD_ADDRESS: "SMTP nie obsługuje jednego z jej adresów",
    },
    identities={
        IdentityProblem.ADDRESS_TAKEN: "Ten adres ma tam już inna osoba.",
        IdentityProblem.BAD_SIGNATURE: "Podpis potwierdzenia jest nieprawidłowy.",
        IdentityProblem.DISABLED: "Konto jest wyłączone albo właśnie je zmieniono.",
        IdentityProblem.EXPIRED: "Potwierdzenie wygasło. Zegary serwerów mogą się różnić.",
        IdentityProblem.HAS_NONCE: "Potwierdzenie służy do czegoś innego.",
        IdentityProblem.NO_ADDRESS: "Twoje konto nie ma tam adresu e-mail.",
        IdentityProblem.NO_CODE: "Logowanie zostało tam przerwane albo odrzucone.",
        IdentityProblem.NO_LOGOUT: "Potwierdzenie nie dotyczy wylogowania.",
        IdentityProblem.NO_SUBJECT: "Potwierdzenie nie mówi, kto się loguje.",
        IdentityProblem.NO_TIME: "Potwierdzenie nie ma prawidłowego czasu.",
        IdentityProblem.NO_TOKEN: "Potwierdzenia nie ma albo nie da się go odczytać.",
        IdentityProblem.NOT_ALLOWED: "Nie należysz do żadnej z grup, które mogą tu pracować.",
        IdentityProblem.NOT_NOW: "Czas potwierdzenia jest błędny. Zegary serwerów mogą się różnić.",
        IdentityProblem.PROVIDER_REFUSED: "Dostawca tożsamości odrzuca tę aplikację.",
        IdentityProblem.REPLAYED: "Potwierdzenie zostało już użyte.",
        IdentityProblem.UNAVAILABLE: "Jej serwer nie odpowiada.",
        IdentityProblem.UNKNOWN_KEY: "Podpis potwierdzenia złożono nieznanym kluczem.",
        IdentityProblem.UNVERIFIED_ADDRESS: "Twój adres nie jest tam potwierdzony.",
        IdentityProblem.WRONG_AUDIENCE: "Potwierdzenie jest dla innego programu.",
        IdentityProblem.WRONG_ISSUER: "Potwierdzenie wystawił ktoś inny.",
        IdentityProblem.WRONG_NONCE: "Potwierdzenie należy do innego logowania.",
        IdentityProblem.WRONG_STATE: "Logowania nie rozpoczęto w tej przeglądarce albo trwało ono "
        "zbyt długo.",
        IdentityProblem.WRONG_SUBJECT: "Potwierdzenie dotyczy innej osoby.",
        IdentityProblem.WRONG_TYPE: "Potwierdzenie jest innego rodzaju.",
    },
)
