"""policy.toml is read strictly, and every refusal shows value, bound and the line to write."""

from __future__ import annotations

import pytest

from privet.errors import InvalidInput
from privet.govern.policy import Policy, Purpose
from tests.unit.govern.policies import ANNA, BO, PEOPLE, policy_of, text_of


def test_file_is_read_as_written(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(text_of(approvals="2", approval_days="7", approval_runs="3"))
    policy = Policy.load(path)
    terms = policy.terms("patients")
    assert policy.owner == "St. Mary's"
    assert [(p.name, p.public) for p in policy.approvers] == [
        ("Anna Berg", ANNA.public), ("Bo Lund", BO.public)]
    assert terms.actions == ("fit", "compare", "predict")
    assert terms.protections == ("private", "federated+private")
    assert terms.purposes == {"reduce readmissions": Purpose(epsilon=1.5),
                              "quality control": Purpose(plain=True)}
    assert (terms.columns, terms.reports) == (("age", "city"), ("card",))
    assert (terms.epsilon_per_release, terms.delta_per_release) == (1.0, 1e-5)
    assert (terms.minimum_cohort, terms.keep_models_days, terms.keep_data_days) == (100, 30, 60)
    assert (terms.approvals, terms.approval_days, terms.approval_runs) == (2, 7, 3)
    assert terms.approvers == ("Anna Berg", "Bo Lund")


def test_json_says_the_same():
    said = policy_of().to_json()
    assert said["digest"] == policy_of().digest
    assert said["default"]["purposes"]["quality control"] == {"epsilon": None, "plain": True}
    assert said["approvers"]["Bo Lund"] == BO.public.hex()
    assert said["data_sets"] == {}


def test_order_of_a_stack_does_not_matter():
    assert policy_of(protections='["private + federated"]').terms("x").protections == (
        "federated+private",)


def test_digest_is_of_the_text_but_for_line_ends():
    text = text_of()
    assert Policy.parse("\ufeff" + text.replace("\n", "\r\n")).digest == Policy.parse(text).digest
    assert Policy.parse(text + "# a remark\n").digest != Policy.parse(text).digest


WRONG = [
    ("unknown key", {"protectons": '["private"]'}, "'protectons'", 'protections = ["private"]'),
    ("action", {"actions": '["fitt"]'}, "'fitt'", 'actions = ["fit"]'),
    ("action is no list", {"actions": '"fit"'}, "'fit'", "actions = ["),
    ("twice", {"actions": '["fit", "fit"]'}, "twice", "actions = ["),
    ("protection", {"protections": '["privat"]'}, "'privat'", '["private"]'),
    ("plain as protection", {"protections": '["plain"]'}, "by purpose", "plain = true"),
    ("purposes", {"purposes": '["x"]'}, "['x']", "purposes = {"),
    ("purpose's key", {"purposes": "{x = {epsilom = 1.0}}"}, "'epsilom'", "epsilon = 3.0"),
    ("purpose's value", {"purposes": "{x = 1.0}"}, "1.0", "purposes = {"),
    ("purpose's plain", {"purposes": "{x = {plain = 1}}"}, "1", "purposes = {"),
    ("purpose's epsilon", {"purposes": "{x = {epsilon = -1}}"}, "-1", "purposes = {"),
    ("empty purpose", {"purposes": '{"" = {}}'}, "''", "purposes = {"),
    ("purpose over two lines", {"purposes": '{"a\\nb" = {}}'}, "'a\\nb'", "purposes = {"),
    ("columns", {"columns": "[1]"}, "[1]", "columns = ["),
    ("epsilon", {"epsilon_per_release": "0"}, "0", "epsilon_per_release = 1.0"),
    ("epsilon is infinite", {"epsilon_per_release": "inf"}, "inf", "epsilon_per_release = 1.0"),
    ("epsilon is no number", {"epsilon_per_release": "true"}, "True", "epsilon_per_release = 1.0"),
    ("epsilon nan", {"epsilon_per_release": "nan"}, "nan", "epsilon_per_release = 1.0"),
    ("delta", {"delta_per_release": "1.0"}, "1.0", "delta_per_release = 1e-6"),
    ("private without epsilon", {"epsilon_per_release": None}, "'private' without a limit",
     "epsilon_per_release = 1.0"),
    ("private without delta", {"delta_per_release": None}, "'private' without a limit",
     "delta_per_release = 1e-6"),
    ("cohort", {"minimum_cohort": "-1"}, "-1", "minimum_cohort = 100"),
    ("cohort in halves", {"minimum_cohort": "1.5"}, "1.5", "minimum_cohort = 100"),
    ("days", {"keep_models_days": "0"}, "0", "keep_models_days = 365"),
    ("three approvals", {"approvals": "3"}, "3", "approvals = 1"),
    ("approvals as truth", {"approvals": "true"}, "True", "approvals = 1"),
    ("approver", {"approvers": '["Ana Berg"]'}, "'Ana Berg'", '["Anna Berg"]'),
    ("too few", {"approvals": "2", "approvers": '["Bo Lund"]'}, "more approvals", "[approvers]"),
    ("report", {"reports": '["dpi"]'}, "'dpi'", '["dpia"]'),
    ("a report that nobody can make", {"reports": '["soc2"]'},
     "no report that can be written or recorded; got 'soc2'; expected of card, ropa, dpia, lia, "
     "tia, ethics", 'reports = ["card"]'),
    ("no actions", {"actions": None}, "does not say which actions", 'actions = ["fit", "query"]'),
    ("no purposes", {"purposes": None}, "does not say which purposes", "purposes = {"),
    ("no protections", {"protections": None}, "does not say which protections", "protections ="),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "shown", "remedy"), [case[1:] for case in WRONG],
                         ids=[case[0] for case in WRONG])
def test_what_cannot_be_meant_is_refused(changes, shown, remedy):
    with pytest.raises(InvalidInput) as caught:
        policy_of(**changes)
    assert shown in str(caught.value)
    assert remedy in (caught.value.remedy or "")
    assert caught.value.bound


TEXTS = [
    ("not TOML", "owner = ", "not TOML"),
    ("empty", 'owner = "x"', "nothing about any data set"),
    ("no owner", text_of().split("\n", 1)[1], "owner"),
    ("unknown table", text_of() + "[data_set.x]\n", "'data_set'"),
    ("data sets are no table", "data_sets = 1\n" + text_of(), "no table"),
    ("default is no table", 'owner = "x"\ndefault = 1', "no table"),
    ("unknown key of a data set", text_of() + "[data_sets.x]\ncolums = []\n", "'colums'"),
    ("ledger", 'ledger = "me"\n' + text_of(), "'me'"),
    ("key in capitals", text_of(f'[approvers]\n"Anna" = "{"AB" * 32}"\n'), "public key"),
    ("short key", text_of('[approvers]\n"Anna" = "ab"\n'), "'ab'"),
    ("one key for two", text_of(PEOPLE.replace(BO.public.hex(), ANNA.public.hex())),
     "one public key"),
    ("one person twice", text_of(PEOPLE.replace("Bo Lund", "anna  BERG")), "named twice"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), [case[1:] for case in TEXTS],
                         ids=[case[0] for case in TEXTS])
def test_text_that_is_no_policy(text, shown):
    with pytest.raises(InvalidInput, match=shown) as caught:
        Policy.parse(text)
    assert caught.value.remedy


def test_own_table_of_a_data_set_is_checked_with_the_default():
    text = text_of() + '[data_sets."all of 2024"]\napprovals = 3\n'
    with pytest.raises(InvalidInput, match=r'\[data_sets."all of 2024"\]'):
        Policy.parse(text)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        Policy.load(tmp_path / "absent.toml")
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="UTF-8"):
        Policy.load(tmp_path / "odd.toml")
    with pytest.raises(InvalidInput, match="too long"):
        Policy.parse("#" * 300_000)
    with pytest.raises(InvalidInput, match="text"):
        Policy.parse(b"")
