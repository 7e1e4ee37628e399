"""Signs of identifiers: each rule accepts what it is for and rejects its neighbours."""

from __future__ import annotations

import pytest

from privet.data.identifiers import (
    CELL_RULES,
    NAME_RULES,
    RULES,
    Evidence,
    by_name,
    identifies,
    is_card,
    is_date,
    is_iban,
    is_ip,
    is_person,
    is_phone,
    is_social_security,
    luhn,
)


def _seen(*cells: str, name: str = "column", **more: object) -> Evidence:
    repeated = list(cells) * 10
    return Evidence(name, repeated, seen=len(repeated), distinct=len(set(cells)), **more)  # type: ignore[arg-type]  # keywords of the test


# The IBANs are the published examples of ISO 13616 registries; the cards are test numbers.
@pytest.mark.parametrize("cell", ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000",
                                  "FR1420041010050500013M02606"])
def test_ibans(cell: str) -> None:
    assert is_iban(cell)
    wrong = cell[:-1] + ("1" if cell[-1] != "1" else "2")
    assert not is_iban(wrong)


@pytest.mark.parametrize("cell", ["4111 1111 1111 1111", "5555555555554444", "378282246310005"])
def test_cards(cell: str) -> None:
    assert is_card(cell)
    assert not is_card(cell[:-1] + str((int(cell[-1]) + 1) % 10))
    assert not is_card("0" * 16)
    assert not is_card("411111111111")


def test_luhn_finds_every_single_wrong_digit() -> None:
    right = "4111111111111111"
    for place in range(16):
        for digit in "0123456789":
            changed = right[:place] + digit + right[place + 1 :]
            assert luhn(changed) == (changed == right)


@pytest.mark.parametrize(
    ("cell", "is_one"),
    [("123-45-6789", True), ("000-45-6789", False), ("123-00-6789", False), ("1234-5-6789", False),
     ("QQ 12 34 56 C", False), ("AB123456C", True), ("756.9217.0769.85", True),
     ("756.9217.0769.84", False), ("2 55 08 14 168 025 38", True), ("2 55 08 14 168 025 39", False),
     ("2020-01-31", False)],
)
def test_social_security_numbers(cell: str, is_one: bool) -> None:
    assert is_social_security(cell) is is_one


@pytest.mark.parametrize(
    ("cell", "is_one"),
    [("+49 30 1234567", True), ("(030) 1234567", True), ("030-123-4567", True), ("5551234", False),
     ("2020-01-31", False), ("31.01.2020", False), ("3.14159265", False), ("12", False),
     ("+49 30 12345678901234567", False), ("call me", False)],
)
def test_phones(cell: str, is_one: bool) -> None:
    assert is_phone(cell) is is_one


@pytest.mark.parametrize(
    ("cell", "is_one"),
    [("10.0.0.1", True), ("2001:db8::1", True), ("10.0.0.256", False), ("1.2", False),
     ("12:30:00", False)],
)
def test_ip_addresses(cell: str, is_one: bool) -> None:
    assert is_ip(cell) is is_one


@pytest.mark.parametrize(
    ("cell", "is_one"),
    [("2020-01-31", True), ("31.1.2020", True), ("1/31/85", True), ("2020-01-31T10:00:00Z", True),
     ("2020-13-31", False), ("20200131", False), ("1.2.3.4", False)],
)
def test_dates(cell: str, is_one: bool) -> None:
    assert is_date(cell) is is_one


@pytest.mark.parametrize(
    ("cell", "is_one"),
    [("Anna Schmidt", True), ("Müller, Jan", True), ("María del Carmen Ruiz", True),
     ("Dr. J. O'Brien-Smith", True), ("Braund, Mr. Owen Harris", True), ("LEE ANN", True),
     ("Anna", False), ("anna schmidt", False), ("Room 12", False), ("Blood pressure", False),
     ("The patient felt Very Unwell", False), ("", False), ("A B C D E F G H I", False)],
)
def test_persons(cell: str, is_one: bool) -> None:
    assert is_person(cell) is is_one


def _people(count: int) -> list[str]:
    first = ["Anna", "Jan", "María del Carmen", "Li", "Zoë", "Noor", "Emeka"]
    last = ["Schmidt", "Müller", "Ruiz", "Wei", "O'Brien", "van Dijk", "Okafor", "Lee", "Rossi"]
    return [f"{first[i % 7]} {last[i % 9]}" for i in range(count)]


def test_people_who_have_several_rows_are_still_people() -> None:
    names = _people(63) * 3
    seen = Evidence("x", names, seen=len(names), distinct=63)
    assert identifies(seen) == "persons' names"
    mostly = [*_people(60), "unknown", "unknown", "Schmidt"]
    assert identifies(Evidence("x", mostly, seen=63, distinct=62)) == "persons' names"


@pytest.mark.parametrize(
    "cells",
    [["New York", "Los Angeles", "San Diego", "Santa Fe", "St. Louis", "Las Vegas"] * 10,
     ["Self Employed", "Public Sector", "Private Sector"] * 3,
     [*_people(6), "none", "Vienna", "cash"]],
)
def test_categories_of_two_capitalised_words_stay_categories(cells: list[str]) -> None:
    assert identifies(Evidence("x", cells, seen=len(cells), distinct=len(set(cells)))) is None


@pytest.mark.parametrize(
    ("name", "word"),
    [("name", "name"), ("FirstName", "name"), ("customer_name", "name"), ("Nachname", "name"),
     ("dob", "birth"), ("date of birth", "birth"), ("birthDate", "birth"), ("e_mail", "e-mail"),
     ("Email Address", "e-mail"), ("phone2", "phone"), ("home_phone", "phone"),
     ("street_address", "address"), ("ip_address", "address"), ("ZipCode", "postcode"),
     ("SSN", "personal number"), ("social_security_number", "personal number"),
     ("iban", "personal"),
     ("patientId", "key"), ("ID", "key"), ("uuid", "personal"), ("Kunde", "person"),
     ("kunden_nr", "person"), ("Kundennummer", "person"), ("customer", "person"),
     ("client_no", "person"), ("ClientNo", "person"), ("patient", "person"),
     ("customerid", "person"), ("person", "person"), ("member number", "person"),
     ("user", "person"), ("employee2", "person"), ("kunden_id", "key"), ("user_name", "name")],
)
def test_telling_names(name: str, word: str) -> None:
    assert word in str(by_name(name))


@pytest.mark.parametrize(
    "name",
    ["product_name", "birth_weight", "email_opt_in", "PhoneService", "cap-shape", "state",
     "checking_account", "insurance", "age", "valid", "identity_score_x", "mailbox_size", "city",
     "mean radius", "capital-gain", "", "customer_segment", "patient_age", "client_count",
     "user_rating", "Kundengruppe", "personal_income", "members_per_household", "client_since"],
)
def test_names_that_only_sound_alike(name: str) -> None:
    assert by_name(name) is None


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (_seen("a@b.org", "x.y@z.co.uk"), "e-mail"),
        (_seen("DE89370400440532013000"), "IBAN"),
        (_seen("4111111111111111", textual=False, whole=True), "card"),
        (_seen("123e4567-e89b-12d3-a456-426614174000"), "UUID"),
        (_seen("123-45-6789"), "social-security"),
        (_seen("10.0.0.1"), "IP"),
        (_seen("+49 30 1234567"), "phone"),
        (_seen("12 Main Street, Springfield", "Hauptstraße 5"), "street"),
        (_seen("SW1A 1AA", "1012 AB"), "postcodes"),
        (Evidence("x", [f"w{i}" for i in range(30)], seen=30, distinct=30), "row labels"),
        (Evidence("x", [str(i) for i in range(30)], textual=False, whole=True, seen=30,
                  distinct=30, low=0, high=29), "row numbers"),
        (Evidence("x", [str(100_000 + 7919 * i) for i in range(30)], textual=False, whole=True,
                  seen=30, distinct=30, low=100_000, high=100_000 + 7919 * 29), "row numbers"),
    ],
)
def test_telling_cells(seen: Evidence, word: str) -> None:
    assert word in str(identifies(seen))


@pytest.mark.parametrize(
    "seen",
    [
        _seen("red", "green", "blue"),
        _seen("a@b.org", "no", "none", "nothing"),
        _seen("1", "2", textual=False, whole=True),
        _seen("yes", "no", name="email"),
        Evidence("x", ["it hurts a lot today"] * 30, seen=30, distinct=30),
        Evidence("x", [str(i * i) for i in range(30)], textual=False, whole=True, seen=30,
                 distinct=30, low=0, high=841),
        Evidence("x", ["w1", "w2"], seen=2, distinct=2),
        Evidence("x"),
    ],
)
def test_ordinary_cells(seen: Evidence) -> None:
    assert identifies(seen) is None


def test_the_rules_are_one_readable_list() -> None:
    assert RULES == NAME_RULES + CELL_RULES
    assert len({rule.reason for rule in RULES}) == len(RULES)
