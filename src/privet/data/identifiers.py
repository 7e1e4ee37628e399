"""Signs that a column identifies people: by its name, and by what stands in its cells.

`RULES` is the whole list. A rule that fires is a reason to leave the column out of a model,
not a proof; a column without one may still identify people together with others. Nothing here
is private: the verdict on cells is a function of private rows, so private drafts use
`by_name` alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from privet.data.values import is_decimal_comma

STRONG = 0.5
"""Share of cells that must pass a test with a check digit or an unmistakable form."""
WEAK = 0.8
"""Share of cells that must pass a test by form alone."""
NEAR_UNIQUE = 0.95
"""Share of different values from which a column tells rows apart."""
MOSTLY = 0.9
"""Share of cells that must have the form of a person's name, which other texts share."""
MANY = 0.3
"""Share of different values from which texts in that form are people rather than categories."""
FEW_NAMES = 5
"""Fewer different texts in that form are categories, whatever their share."""
ENOUGH = 20
"""Fewer cells than this say nothing about uniqueness."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a column.

    Attributes:
        name: the column's name.
        cells: a sample of its values as text, missing ones left out.
        textual: True if some value is neither a number nor a truth value.
        whole: True if every value is a whole number.
        seen: cells among which different values were counted.
        distinct: how many of them differ.
        low, high: least and greatest number; infinite the other way round for text.
    """

    name: str
    cells: Sequence[str] = ()
    textual: bool = True
    whole: bool = False
    seen: int = 0
    distinct: int = 0
    low: float = float("inf")
    high: float = float("-inf")

    @property
    def words(self) -> frozenset[str]:
        """The words of the name, in lower case: "patientId" and "patient_id" are equal."""
        spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.name)
        return frozenset(re.findall(r"[^\W\d_]+", spaced.lower()))

    @property
    def near_unique(self) -> bool:
        """True if nearly every row has a value of its own."""
        return self.seen >= ENOUGH and self.distinct >= NEAR_UNIQUE * self.seen

    def share(self, test: Callable[[str], object]) -> float:
        """The share of cells that pass a test; 0 without cells."""
        return sum(bool(test(cell)) for cell in self.cells) / max(1, len(self.cells))


class Rule(NamedTuple):
    """One sign. `reason` completes "looks like ..."; `test` says whether it is seen."""

    reason: str
    test: Callable[[Evidence], bool]


def luhn(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def is_card(cell: str) -> bool:
    """13 to 19 digits, blanks and hyphens aside, not all equal, with a Luhn check digit."""
    digits = re.sub(r"[ -]", "", cell)
    return bool(re.fullmatch(r"[0-9]{13,19}", digits)) and len(set(digits)) > 1 and luhn(digits)


def is_iban(cell: str) -> bool:
    """An account number whose remainder modulo 97 is 1 (ISO 13616, ISO/IEC 7064)."""
    bare = re.sub(r"[ -]", "", cell).upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", bare):
        return False
    return int("".join(str(int(sign, 36)) for sign in bare[4:] + bare[:4])) % 97 == 1


def is_social_security(cell: str) -> bool:
    """US, British, Swiss and French numbers; those with check digits are checked."""
    bare = cell.strip().upper()
    if re.fullmatch(r"(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}", bare):
        return True
    if re.fullmatch(r"[A-CEGHJ-PR-TW-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", bare):
        return True
    digits = re.sub(r"[ .]", "", bare)
    if re.fullmatch(r"756[0-9]{10}", digits):
        weighted = sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(digits))
        return weighted % 10 == 0
    french = re.fullmatch(r"([12][0-9]{2}(?:0[1-9]|1[0-2]|[2-9][0-9])[0-9]{8})([0-9]{2})", digits)
    return bool(french) and 97 - int(digits[:13]) % 97 == int(digits[13:])


def is_date(cell: str) -> bool:
    """A calendar date in one of the usual orders, with or without a time."""
    return bool(_DATE.fullmatch(cell.strip()))


def is_phone(cell: str) -> bool:
    """7 to 15 digits with a plus, a leading zero or separators, and no date (E.164)."""
    bare = cell.strip()
    if is_date(bare) or not re.fullmatch(r"\+?[0-9 ()./-]{7,24}", bare):
        return False
    digits = re.sub(r"[^0-9]", "", bare)
    marked = bare[0] in "+0(" or len(re.findall(r"[ )/.-]", bare)) >= 2
    return 7 <= len(digits) <= 15 and marked and bare.count(".") != 1


def is_ip(cell: str) -> bool:
    """An IPv4 or IPv6 address."""
    if cell.count(".") != 3 and cell.count(":") < 2:
        return False
    try:
        ipaddress.ip_address(cell.strip())
    except ValueError:
        return False
    return True


def is_person(cell: str) -> bool:
    """Two to eight words of letters, two of them capitalised: "Anna Schmidt", "Ruiz, María del"."""
    words = [word for word in re.split(r"[\s,.()\"'\u2019-]+", cell) if word]
    capitalised = [word for word in words if word[0].isupper()]
    return len(capitalised) >= 2 and len(words) <= 8 and all(
        word.isalpha() and (word[0].isupper() or word in _PARTICLES) for word in words
    )


_DATE = re.compile(
    r"((?:18|19|20)[0-9]{2}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12][0-9]|3[01])"
    r"|(?:0?[1-9]|[12][0-9]|3[01])[-/.](?:0?[1-9]|[12][0-9]|3[01])[-/.](?:(?:18|19|20)?[0-9]{2}))"
    r"([T ][0-9:.]+(Z|[+-][0-9:]+)?)?"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")
_PERSON = re.compile(
    r"(kundin|kunden?|customer|client|patient(en|in)?|person(en)?|member|mitglieds?|user|benutzer"
    r"|employee|mitarbeiter)(id|key|code|name|nr|no|num|number|nummer)?"
)
_POINT = re.compile(r"[+-]?[0-9.]+")
_UUID = re.compile(r"\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_POSTCODE = re.compile(
    r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]"
    r"|[0-9]{4} ?[A-Z]{2}|[0-9]{5}-[0-9]{4}"
)
_STREET = re.compile(
    r"[0-9]+[a-z]?,? .*\b(street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|way|boulevard)\b.*"
    r"|.*(stra(ß|ss)e|str\.|weg|platz|gasse|allee) [0-9]+.*"
    r"|(calle|via|rue|avenida|rua) .*[0-9]+.*",
    re.IGNORECASE,
)


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PARTICLES = _set("de del della di da das do dos du la le las los van von vom der den des ten ter "
                  "zu zur af av bin binti ibn al el y e i und")
"""Words within a person's name that may be small."""

_ROUND = _set(
    "first last full given family middle maiden sur fore nick user patient customer client "
    "employee person member student father mother spouse contact holder date of year day month "
    "time number no nr num code home work office private primary secondary personal s e the "
    "mobile cell line name account card and"
)
"""Words that may stand beside a telling one; any other ("product name", "birth weight",
"phone service") says that the column is about something else."""


def _named(telling: str, *, also: str = "") -> Callable[[Evidence], bool]:
    """True if a telling word stands in the name, and all others are harmless."""
    core = _set(telling)
    harmless = core | _set(also) | _ROUND
    return lambda seen: bool(seen.words & core) and seen.words <= harmless


def _with_word(words: str) -> Callable[[Evidence], bool]:
    return lambda seen: bool(seen.words & _set(words))


def _cells(test: Callable[[str], object], least: float) -> Callable[[Evidence], bool]:
    return lambda seen: bool(seen.cells) and seen.share(test) >= least


def _text_cells(test: Callable[[str], object], least: float) -> Callable[[Evidence], bool]:
    return lambda seen: seen.textual and _cells(test, least)(seen)


def _counter(seen: Evidence) -> bool:
    """Near-unique whole numbers that fill their range, or all have one length of 6 or more."""
    if not (seen.whole and seen.near_unique):
        return False
    lengths = {len(cell.lstrip("-")) for cell in seen.cells}
    dense = seen.high - seen.low + 1 <= 1.5 * seen.distinct
    return dense or (len(lengths) == 1 and min(lengths) >= 6)


def _labels_of_rows(seen: Evidence) -> bool:
    other = is_prose(seen) or has_decimal_commas(seen)
    return seen.textual and seen.near_unique and not other


def has_decimal_commas(seen: Evidence) -> bool:
    """True if texts are numbers, and some of them have a decimal comma."""
    commas = seen.share(is_decimal_comma)
    return seen.textual and commas > 0 and commas + seen.share(_POINT.fullmatch) >= WEAK


def _persons(seen: Evidence) -> bool:
    """Cells in a person's form, and too many different ones for the levels of a category."""
    many = seen.distinct >= FEW_NAMES and seen.distinct >= MANY * seen.seen
    return seen.textual and many and seen.share(is_person) >= MOSTLY


def _person_word(seen: Evidence) -> bool:
    return bool(_PERSON.fullmatch("".join(re.findall(r"[^\W\d_]+", seen.name.lower()))))


def is_prose(seen: Evidence) -> bool:
    """True if cells hold sentences rather than labels: four words or more on average."""
    words = sum(len(cell.split()) for cell in seen.cells)
    return bool(seen.cells) and words >= 4 * len(seen.cells)


NAME_RULES: tuple[Rule, ...] = (
    Rule("a person's name, by the column's name", _named(
        "name surname lastname firstname forename fullname username nachname vorname nom prenom "
        "prénom apellido apellidos nombre cognome naam achternaam voornaam")),
    Rule("a date of birth, by the column's name", _named(
        "dob birth birthdate birthday geburtsdatum geburtstag naissance nacimiento")),
    Rule("an e-mail address, by the column's name", _named(
        "email mail emailaddress", also="address")),
    Rule("a phone number, by the column's name", _named(
        "phone telephone tel cellphone fax telefon telefono telefoon")),
    Rule("a postal or network address, by the column's name", _named(
        "address addr street adresse strasse straße direccion indirizzo", also="ip postal")),
    Rule("a postcode, by the column's name", _named(
        "zip zipcode postcode postal postalcode plz")),
    Rule("a personal number, by the column's name", _named(
        "ssn nhs mrn iban bic passport licence license nino nir ahv steuerid taxid social "
        "accountnumber guid uuid imei", also="security insurance")),
    Rule("a key of people or rows, by the column's name", _with_word(
        "id uid pid identifier identifiant kennung")),
    Rule("a person, by the column's name", _person_word),
)
"""Signs in the column's name alone, which is public."""

CELL_RULES: tuple[Rule, ...] = (
    Rule("e-mail addresses", _text_cells(_EMAIL.fullmatch, STRONG)),
    Rule("IBANs (the check digits are right)", _text_cells(is_iban, STRONG)),
    Rule("payment card numbers (the check digit is right)", _cells(is_card, STRONG)),
    Rule("UUIDs", _text_cells(_UUID.fullmatch, STRONG)),
    Rule("social-security numbers", _cells(is_social_security, STRONG)),
    Rule("IP addresses", _text_cells(is_ip, STRONG)),
    Rule("phone numbers", _text_cells(is_phone, WEAK)),
    Rule("street addresses", _text_cells(_STREET.fullmatch, WEAK)),
    Rule("postcodes", _text_cells(_POSTCODE.fullmatch, WEAK)),
    Rule("persons' names", _persons),
    Rule("row labels: nearly every row has a text of its own", _labels_of_rows),
    Rule("row numbers: nearly every row has a whole number of its own", _counter),
)
"""Signs in the cells, which are private."""

RULES: tuple[Rule, ...] = NAME_RULES + CELL_RULES


def by_name(name: str) -> str | None:
    """The reason to take a column for an identifier by its name alone, or None.

    >>> by_name("patient_id"), by_name("birth_weight")
    ("a key of people or rows, by the column's name", None)
    """
    seen = Evidence(name)
    return next((rule.reason for rule in NAME_RULES if rule.test(seen)), None)


def identifies(seen: Evidence) -> str | None:
    """The reason to take a column for an identifier, or None.

    A name alone counts only for text and whole numbers that take more than two values:
    "email_opt_in" with yes and no identifies nobody.
    """
    named = seen.distinct > 2 and (seen.textual or seen.whole)
    rules = RULES if named else CELL_RULES
    return next((rule.reason for rule in rules if rule.test(seen)), None)
