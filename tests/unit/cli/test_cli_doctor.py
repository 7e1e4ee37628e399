"""What `privet doctor` says, and when it says that something is wrong."""

from __future__ import annotations

import pytest

from privet.cli import doctor


def states(facts) -> dict[str, str]:
    return {check["what"]: check["state"] for check in facts["checks"]}


def test_json_lists_what_every_command_needs(privet) -> None:
    done = privet("doctor", "--json")
    assert done.code == 0
    found = states(done.json)
    assert found["Python"] == found["jax devices"] == found["numpy"] == "ok"
    assert {"native kernels", "data folder", "pandas"} <= set(found)


def test_table(privet) -> None:
    done = privet("doctor")
    assert done.code == 0
    assert "jax devices" in done.out
    assert "kernels" in done.out


def test_a_missing_extra_is_no_failure(privet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.EXTRAS, "no-such-package-here", "do things")
    done = privet("doctor")
    assert done.code == 0
    assert "pip install no-such-package-here" in done.out


def test_a_missing_core_package_is_a_failure(privet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CORE", ("numpy", "no-such-package-here"))
    done = privet("doctor")
    assert done.code == 2
    assert "pip install no-such-package-here" in done.err


def test_the_data_folder_follows_the_environment(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "mine"))
    assert doctor.data_folder() == tmp_path / "mine"
    assert doctor._folder()["state"] == "ok"
    assert not (tmp_path / "mine").exists(), "looking must not create it"


def test_a_folder_that_is_a_file_cannot_be_written(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "file" / "mine"))
    assert doctor._folder()["state"] == "absent"
