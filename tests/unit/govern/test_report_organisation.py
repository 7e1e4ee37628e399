"""organisation.toml is read strictly, and its errors say the line to write."""

from __future__ import annotations

import pytest

from privet.errors import InvalidInput
from privet.govern.report import Organisation
from privet.govern.report.organisation import EXAMPLE, Transfer


def test_the_example_is_read(tmp_path):
    path = tmp_path / "organisation.toml"
    path.write_text(EXAMPLE)
    found = Organisation.load(path)
    assert found.controller.name == "General Hospital"
    assert found.controller.joint == ()
    assert found.representative is None
    assert found.security[0] == "disk encryption"
    purpose = found.purpose("readmission")
    assert purpose.transfers == () and purpose.recipients == ("ward managers",)
    assert purpose.retention == {"patient records": "10 years after the last visit"}
    assert found.purpose("marketing") is None
    assert len(found.digest) == 64
    assert Organisation.parse(EXAMPLE.encode() + b"\n").digest != found.digest


def test_an_empty_file_declares_nothing():
    found = Organisation.parse(b"")
    assert (found.controller, found.officer, found.purposes, found.security) == (
        None, None, (), None,
    )  # fmt: skip


def test_transfers():
    text = '[[purpose]]\nname = "p"\ntransfers = [{ to = "Norway", safeguard = "EEA" }]'
    (purpose,) = Organisation.parse(text.encode()).purposes
    assert purpose.transfers == (Transfer(to="Norway", safeguard="EEA"),)
    assert purpose.retention is None, "not declared is not the same as none"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[controler]", "write: controller = ..."),
        ("[controller]\nname = 'x'", "lacks contact"),
        ("[controller]\nname = 'x'\ncontact = '...'", "contact is not filled in"),
        ("controller = 'x'", "is a table"),
        ("[[purpose]]\nlegal_basis = 'x'", "number 1 lacks name"),
        ("[[purpose]]\nname = 'x'\nlegal_bases = 'y'", "write: legal_basis = ..."),
        ("[[purpose]]\nname = 'x'\n[[purpose]]\nname = 'x'", "twice"),
        ("[[purpose]]\nname = 'x'\nrecipients = 'y'", "recipients is a list"),
        ("[[purpose]]\nname = 'x'\nrecipients = ['']", "not filled in"),
        ("[[purpose]]\nname = 'x'\nretention = 'y'", "retention is a limit"),
        ("[[purpose]]\nname = 'x'\nretention = {a = 3}", "retention of 'a'"),
        ("[[purpose]]\nname = 'x'\ntransfers = 'none'", "transfers are a list"),
        ("[[purpose]]\nname = 'x'\ntransfers = [{to = 'y'}]", "lacks safeguard"),
        ("[purpose]\nname = 'x'", r"\[\[purpose\]\]"),
        ("[security]\nmeasure = []", "write: measures"),
        ("[controller", "is not TOML"),
    ],
)
def test_mistakes_are_named(text, words):
    with pytest.raises(InvalidInput, match=words):
        Organisation.parse(text.encode())


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        Organisation.load(tmp_path / "absent.toml")
    with pytest.raises(InvalidInput, match="not TOML"):
        Organisation.parse(b"\xff")
    with pytest.raises(InvalidInput, match="too large"):
        Organisation.parse(b"#" * (1 << 21))
