"""Settings come from options, variables, secrets and a file, in that order, and every fault is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from spfcheck.settings import SettingsError, load


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_options_stand_over_variables_over_secrets_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spfcheck.toml").write_text(
        'port = 1\nhelo = "file.example"\n[intercom]\nworkspace = "file"\ntoken = "file"\n'
        '[[senders]]\ninclude = "a.b"\n'
    )
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "spfcheck_intercom_token").write_text("secret\n")
    (secrets / "spfcheck_intercom_workspace").write_text("secret\n")
    monkeypatch.setenv("SPFCHECK_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("SPFCHECK_INTERCOM_WORKSPACE", "variable")
    monkeypatch.setenv("SPFCHECK_PORT", "2")
    monkeypatch.setenv("SPFCHECK_NAMESERVERS", "192.0.2.1, [2001:db8::1]:5353")
    monkeypatch.setenv("SPFCHECK_NOTIFY_ALLOW", "a.example,b.example")
    settings = load(port=3)
    assert settings.port == 3
    assert settings.helo == "file.example"
    assert settings.intercom.token.get_secret_value() == "secret"
    assert settings.intercom.workspace == "variable"
    assert settings.nameservers == ["192.0.2.1", "[2001:db8::1]:5353"]
    assert settings.notify.allow == ["a.example", "b.example"]
    assert [(sender.name, sender.include) for sender in settings.sender_profiles()] == [("a.b", "a.b")]
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "file", "sentence"),
    [
        ({"SPFCHECK_PORT": "many"}, "", "The setting port (SPFCHECK_PORT) cannot be used: "),
        ({"SPFCHECK_PROT": "1"}, "", "No setting is called SPFCHECK_PROT; "),
        (
            {"SPFCHECK_NOTIFY_PERCENT": "101"},
            "",
            "notify.percent (SPFCHECK_NOTIFY_PERCENT) cannot be used: ",
        ),
        ({"SPFCHECK_MAIL_FROM": "bounce@mail.example"}, "", "must be an address with {domain} in it"),
        ({"SPFCHECK_SENDER_NETWORKS": "192.0.2.0/24"}, "", "sender_networks needs sender_include"),
        ({"SPFCHECK_CONFIG": "."}, "", "is no file."),
        ({"SPFCHECK_SECRETS_DIR": "nowhere"}, "", "The secrets directory nowhere"),
        ({}, "prot = 1", "No setting is called prot."),
        ({}, "port = ", "is not valid TOML"),
        ({}, "[notify]\nenbaled = true", "No setting is called notify.enbaled."),
        ({"SPFCHECK_SENDER_INCLUDE": "a.b"}, '[[senders]]\ninclude = "a.b"', "either by sender_include"),
    ],
)
def test_a_fault_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], file: str, sentence: str
) -> None:
    if file:
        (tmp_path / "spfcheck.toml").write_text(file)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_relative_pause_file_lies_in_the_same_place_for_whoever_stands_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "spfcheck.toml").write_text("")
    ledger = f"sqlite:///{tmp_path}/ledger.sqlite3"
    assert load(database_url=ledger).notify.pause_file == str(tmp_path / "spfcheck.pause")
    assert load(database_url="postgresql://db/x").notify.pause_file == str(Path.home() / "spfcheck.pause")
    monkeypatch.chdir("/")
    assert load(database_url=ledger).notify.pause_file == str(tmp_path / "spfcheck.pause")
    assert load(notify={"pause_file": "/run/pause"}).notify.pause_file == "/run/pause"
    monkeypatch.setenv("SPFCHECK_CONFIG", str(tmp_path / "etc" / "spfcheck.toml"))
    assert load(database_url=ledger).notify.pause_file == str(tmp_path / "etc" / "spfcheck.pause")
