"""Personal data and secrets are found where they stand, and what looks like them is left alone."""

import random
import string
import time

import phonenumbers
import pytest

from luthier.data.personal import kinds

# What is to be found stands between ⟦ and ⟧. Secrets are put together, so no scanner of code stops.
DRAWN = random.Random(0)
MIXED = string.ascii_letters + string.digits


def drawn(count: int, alphabet: str = MIXED) -> str:
    return "".join(DRAWN.choices(alphabet, k=count))


HOLDING: dict[str, list[str]] = {
    "email": [
        "write to ⟦anna.schmidt+news@mail.example.co.uk⟧, please",
        "<⟦O'Brien@EXAMPLE.org⟧>",
        "mailto:⟦jürgen@uni-köln.de⟧.",
        "⟦a@xn--mnchen-3ya.de⟧;⟦b_1@example.io⟧",
        "?mail=⟦bob@example.com⟧&x=1",
    ],
    "phone": [
        "ring ⟦+44 20 7946 0958⟧ now",
        "tel:⟦+493012345678⟧",
        "(⟦+1 415-555-2671⟧)",
        "⟦(415) 555-2671⟧ or ⟦415.555.2671⟧",
        "Rufen Sie ⟦030 12345678⟧ an",
        "au ⟦06 12 34 56 78⟧.",
        "at home (⟦020 7946 0958⟧) only",
        "dial ⟦0049 30 12345678⟧",
        "my number is ⟦4155552671⟧",
        "⟦+44 (0)20 7946 0958⟧",
        "Bob,⟦415-555-2671⟧,⟦+49 30 12345678⟧,NY",
    ],
    "iban": [
        "to ⟦DE89370400440532013000⟧ today",
        "⟦GB82 WEST 1234 5698 7654 32⟧ please",
        "⟦fr14 2004 1010 0505 0001 3m02 606⟧",
        "⟦NL91-ABNA-0417-1643-00⟧.",
    ],
    "card": [
        "paid with ⟦4111 1111 1111 1111⟧ twice",
        "⟦5555555555554444⟧",
        "⟦3782-822463-10005⟧, Amex",
        "⟦6011 1111 1111 1117⟧ 12/27",
        "⟦30569309025904⟧",
        "0001 ⟦4111 1111 1111 1111⟧ 123",
    ],
    "ip": [
        "from ⟦203.0.113.77⟧:8080",
        "http://⟦192.168.2.14⟧/index",
        "ip address is ⟦8.8.8.8⟧.",
        "ping ⟦2001:db8::8a2e:370:7334⟧.",
        "[⟦2001:0DB8:0000:0000:0000:0000:0000:0001⟧]:443",
        "⟦fe80::1ff:fe23:4567:890a⟧",
        "⟦::ffff:203.0.113.7⟧",
    ],
    "national_id": [
        "my ⟦536-22-1234⟧ is stolen",
        "SSN: ⟦536221234⟧, thanks",
        "social security number is ⟦536 22 1234⟧",
        "DNI ⟦12345678Z⟧ or ⟦12.345.678-Z⟧",
        "NIE ⟦X1234567L⟧",
        "⟦756.9217.0769.85⟧",
        "CPF ⟦390.533.447-05⟧",
        "⟦2 95 10 99 126 111 93⟧",
        "⟦RCCMNL83S18D969H⟧",
        "⟦44051401359⟧",
        "BSN ⟦111222333⟧",
        "NINO ⟦AB 12 34 56 C⟧ or ⟦AB123456C⟧",
        "⟦131052-308T⟧",
        "⟦880320-0016⟧",
        "NHS number ⟦943 476 5870⟧",
    ],
    "secret": [
        f"⟦AKIA{drawn(16, string.ascii_uppercase)}⟧",
        f"key ⟦ghp_{drawn(36)}⟧.",
        f"⟦glpat-{drawn(20)}⟧",
        f"⟦xoxb-{drawn(12, string.digits)}-{drawn(24)}⟧",
        f"⟦AIza{drawn(35)}⟧",
        f"⟦sk_live_{drawn(24)}⟧",
        f"⟦sk-proj-{drawn(48)}⟧ and ⟦sk-ant-api03-{drawn(93)}⟧",
        f"⟦hf_{drawn(34)}⟧",
        f"Bearer ⟦eyJ{drawn(30)}.eyJ{drawn(40)}.{drawn(43)}⟧",
        f"⟦-----BEGIN PRIVATE KEY-----\n{drawn(64)}\n-----END PRIVATE KEY-----⟧\nend",
        f"⟦-----BEGIN PRIVATE KEY-----\n{drawn(64)}⟧",
        "postgres://app:⟦s3cr!t⟧@db.example.org/main",
        "DB_PASSWORD=⟦hunter⟧ make",
        'password = "⟦correct-horse⟧"',
        '{"api_key": "⟦a8f5f167f44f4964e6c998dee827110c⟧"}',
        "the password is ⟦Sommer2024!⟧",
        "password: ⟦IdFoHLuoERdO⟧",
        f"client_secret=⟦{drawn(32)}7a⟧",
    ],
}
WITHOUT: dict[str, list[str]] = {
    "email": [
        "thanks @anna and @bob",
        "see you @ 5.30 pm",
        "icon@2x.png",
        "git clone git@github.com:a/b.git",
        "pkg@1.2.3",
        "root@localhost",
        "@@@ a@ @b.com",
    ],
    "phone": [
        "in 2004, 2005 and 2006",
        "on 2008-10-12 12:30",
        "on 01.02.2011 and 03-04 .02.2011",
        "0.123456789 of all",
        "order 4155552671",
        "ISBN 0-306-40615-2",
        "0312355645",
        "business ID 0187274-0",
        "in '0123456789'",
        "$1,234,567,890",
        "AB0301234567",
        "16 + 20 = 36, 100 200 300 400",
        "0900-0130",
        "'01010101010'",
        "",
    ],
    "iban": [
        "DE89370400440532013001",
        "XX89370400440532013000",
        "DE89370400440532013000123",
        "DE89 and more",
    ],
    "card": [
        "4111111111111112",
        "1234 5678 1234 5670",
        "0000 0000 0000 0000",
        "4111111111111111111111",
        "4006381333931",
        "1700000000000000",
    ],
    "ip": [
        "version 10.0.19.41",
        "v10.12.13.14",
        "see section 1.2.3.4",
        "in 1.2.3.4 we show",
        "127.0.0.1 and 0.0.0.0",
        "mask 255.255.255.0",
        "256.1.1.300",
        "1.2.3.4.5.6",
        "at 12:30:45",
        "a[1::2] and std::dead::beef",
        "::1 and ::",
        "Chrome/120.0.0.0 and 2.10.3.4.5",
        "00:1A:2B:3C:4D:5E",
        "R$ 22.141.243.230,00",
    ],
    "national_id": [
        "536221234",
        "000-12-3456 and 666-12-3456",
        "12345678A",
        "AADHAAR 2004 2005 2006",
        "GB123456A and QQ123456C",
        "44051401358",
        "call 09061104283",
        "order 123456789",
        "on 2004 2005 2006",
        "on 12345678 z came, at 12 34 56 a",
    ],
    "secret": [
        "token: the first one",
        "The secret: never give up.",
        "what is my password?",
        "password is required",
        "password: str = None",
        "password=os.environ['X']",
        "password=get_password(user)",
        'password = "<your password>"',
        "max_tokens=4096, token = tokenizer.eos_token",
        '"token": "The first one of them"',
        "String userPassword = Biff8EncryptionKey.CurrentUserPassword;",
        'append("password = ").append(x1.toHex(field_1)).append("',
        "-----BEGIN PRIVATE KEY----- starts such a file",
        "https://example.org:8080/a@b",
        "sk-learn-is-a-very-long-name-of-nothing",
        "password={password}",
        "login(password=user_pass)",
    ],
}
NASTY = ["a@", "1 ", "+1", "A1", "eyJ.", ":", "AA11 ", "0 ", "(0", "1-", "a.", "@a.", "://a:"]
NASTY += [
    "-----BEGIN PRIVATE KEY-----",
    "password=",
    "password: ",
    "eyJaaaaaaaa.",
    "4111 ",
    "12.",
    "a:",
    "::",
    "00000000000",
    "+1 415 555 2671 ",
    "SSN ",
    "sk-",
    '="',
    "DE89 ",
    "Bearer a",
    "a",
    "1",
    "-",
    "a@a-",
    "password",
    "f:",
    "xoxb-",
    "/1.",
]


def cases(texts: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, each in texts.items() for text in each]


def test_every_kind_is_tested() -> None:
    assert kinds.names() == sorted(HOLDING) == sorted(WITHOUT)


def test_kinds_have_marks_and_ranks_of_their_own() -> None:
    found = [kind for _, kind in kinds.items()]
    assert len({kind.mark for kind in found}) == len({kind.rank for kind in found}) == len(found)


@pytest.mark.parametrize(("name", "marked"), cases(HOLDING))
def test_what_is_personal_is_found_with_its_borders(name: str, marked: str) -> None:
    text = marked.replace("⟦", "").replace("⟧", "")
    expected = [piece.partition("⟧")[0] for piece in marked.split("⟦")[1:]]
    found = [text[start:end] for start, end in kinds.get(name)().find(text)]
    assert found == expected


@pytest.mark.parametrize(("name", "text"), cases(WITHOUT))
def test_what_only_looks_so_is_left_alone(name: str, text: str) -> None:
    assert list(kinds.get(name)().find(text)) == []


@pytest.mark.parametrize("name", kinds.names())
def test_ranges_are_in_order_and_do_not_overlap(name: str) -> None:
    each = [marked.replace("⟦", "").replace("⟧", "") for _, marked in cases(HOLDING)]
    spans = list(kinds.get(name)().find("\n".join(each)))
    assert spans
    borders = [border for span in spans for border in span]
    assert borders == sorted(borders)


@pytest.mark.parametrize("region", ["US", "GB", "DE", "FR", "JP", "BR", "IN", "NG"])
def test_a_number_of_any_country_is_found_as_it_is_written_abroad(region: str) -> None:
    number = phonenumbers.example_number(region)
    assert number is not None
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    assert list(kinds.get("phone")().find(f"is {text}.")) == [(3, 3 + len(text))]


@pytest.mark.parametrize("name", kinds.names())
def test_no_repetition_makes_a_search_endless(name: str) -> None:
    kind, begin = kinds.get(name)(), time.process_time()
    for piece in NASTY:
        list(kind.find(piece * (200_000 // len(piece))))
    assert time.process_time() - begin < 20
