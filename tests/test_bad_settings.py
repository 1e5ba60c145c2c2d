"""Each setting refuses what it cannot be, by its variable's name, when it is read; lists are taken as the page says."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from spfcheck.settings import Settings, SettingsError, known_variables, load

NUMBER = ("many", "", "-1")
SHARE = ("much", "1.5", "nan")
DURATION = ("long", "-1", "inf")
SWITCH = ("maybe", "", "2")
ADDRESSES = ("localhost", "192.0.2.1:99999", "[192.0.2.1")
NETWORKS = ("192.0.2.1/24", "all", "192.0.2.0/33")
WEB = ("bogus", "ftp://a.example", "https://a.example/?a=b")
TIMES = ("at night", "* * *", "0 2 * * * * *")
DOMAIN = ("not a domain", "https://x.example", "localhost")

BAD: dict[str, tuple[str, ...]] = {
    "SPFCHECK_PORT": ("http", "65536", "-1"),
    "SPFCHECK_PUBLIC_URL": WEB,
    "SPFCHECK_NAMESERVERS": ADDRESSES,
    "SPFCHECK_SECOND_NAMESERVERS": ADDRESSES,
    "SPFCHECK_ZONE_RATE": ("0", "nan", "inf"),
    "SPFCHECK_CACHE_MB": ("0", "1.5", "128MB"),
    "SPFCHECK_COLD_LANE": ("0", "all", "-1"),
    "SPFCHECK_BATCH_LANE": ("0", "all", "-1"),
    "SPFCHECK_BATCHES_PER_KEY": ("0", "all", "-1"),
    "SPFCHECK_MAX_CONNECTIONS": ("7", "all", "-1"),
    "SPFCHECK_OPINION_PROCESSES": ("0", "65", "many"),
    "SPFCHECK_COSTLY_PROCESSES": ("0", "65", "many"),
    "SPFCHECK_COLD_PER_MINUTE": ("0", "all", "-1"),
    "SPFCHECK_BATCH_PER_MINUTE": NUMBER,
    "SPFCHECK_REPORT_DAYS": ("0", "ever", "-1"),
    "SPFCHECK_STOP_GRACE_SECONDS": ("61", "nan", "-1"),
    "SPFCHECK_SESSION_KEY": ("x", "x" * 31, " "),
    "SPFCHECK_IDENTITY_HEADER": ("X User", "X-User:", "Ü"),
    "SPFCHECK_TRUSTED_PROXIES": NETWORKS,
    "SPFCHECK_MAIL_FROM": ("bounce@mail.example", "{domain}", "a@b c.{domain}"),
    "SPFCHECK_HELO": (*DOMAIN[:2], "[192.0.2]"),
    "SPFCHECK_SENDER_INCLUDE": DOMAIN,
    "SPFCHECK_SENDER_NETWORKS": NETWORKS,
    "SPFCHECK_LOG_FORMAT": ("xml", "", "JSON"),
    "SPFCHECK_INTERCOM_URL": WEB,
    "SPFCHECK_INTERCOM_ADMIN_ID": ("jane", "", "1.5"),
    "SPFCHECK_AUDIENCE_DOMAIN_SOURCES": (
        "custom_attributes.domain",
        '[{"origin": "contact"}]',
        '["a.b"]',
    ),
    "SPFCHECK_AUDIENCE_FILTERS": ("role=user", "{", '"role"'),
    "SPFCHECK_AUDIENCE_ROLES": ("admin", "user,users", '["User"]'),
    "SPFCHECK_AUDIENCE_MAX_DOMAINS_PER_CONTACT": ("0", "1001", "all"),
    "SPFCHECK_NOTIFY_ENABLED": SWITCH,
    "SPFCHECK_NOTIFY_OPEN_CONVERSATION": SWITCH,
    "SPFCHECK_NOTIFY_REMINDERS": SWITCH,
    "SPFCHECK_NOTIFY_THANKS": SWITCH,
    "SPFCHECK_NOTIFY_DELIVERY": ("mail", "", "Message"),
    "SPFCHECK_NOTIFY_MIN_RUNS": ("0", "two", "-1"),
    "SPFCHECK_NOTIFY_MIN_HOURS_BETWEEN_RUNS": DURATION,
    "SPFCHECK_NOTIFY_CEILING_PER_RUN": NUMBER,
    "SPFCHECK_NOTIFY_PEOPLE_PER_DOMAIN": NUMBER,
    "SPFCHECK_NOTIFY_PEOPLE_PER_COMPANY": NUMBER,
    "SPFCHECK_NOTIFY_PLUS_ADDRESSES_DIFFER": SWITCH,
    "SPFCHECK_NOTIFY_COOL_OFF_DAYS": NUMBER,
    "SPFCHECK_NOTIFY_QUIET_HOURS": ("at night", "17-9-3", "25:00-09:00"),
    "SPFCHECK_NOTIFY_QUIET_DAYS": ("samstag", '["saturday","so"]', "saturday sunday"),
    "SPFCHECK_NOTIFY_STAGE": ("all", "", "Self"),
    "SPFCHECK_NOTIFY_PERCENT": ("101", "-1", "5%"),
    "SPFCHECK_NOTIFY_RATE_PER_SECOND": ("0", "inf", "1/s"),
    "SPFCHECK_NOTIFY_FIRST_BATCH": NUMBER,
    "SPFCHECK_NOTIFY_FIRST_PAUSE_MINUTES": DURATION,
    "SPFCHECK_NOTIFY_PLAN_MAX_AGE_HOURS": ("0", "nan", "a day"),
    "SPFCHECK_NOTIFY_AUDIENCE_CHANGE_MAX": SHARE,
    "SPFCHECK_NOTIFY_AUDIENCE_DRIFT_MAX": SHARE,
    "SPFCHECK_NOTIFY_TEMPERROR_MAX": SHARE,
    "SPFCHECK_NOTIFY_NEWLY_BROKEN_MAX": SHARE,
    "SPFCHECK_NOTIFY_NEWLY_BROKEN_FLOOR": NUMBER,
    "SPFCHECK_NOTIFY_RECOVERY_MAX": SHARE,
    "SPFCHECK_NOTIFY_DISAGREEMENT_MAX": SHARE,
    "SPFCHECK_NOTIFY_API_ERRORS_MAX": SHARE,
    "SPFCHECK_NOTIFY_OPT_OUT_MAX": SHARE,
    "SPFCHECK_NOTIFY_UNCLEAR_QUIET_MINUTES": DURATION,
    "SPFCHECK_NIGHT_AT": TIMES,
    "SPFCHECK_NIGHT_SEND_AT": TIMES,
    "SPFCHECK_NIGHT_STALLED_SECONDS": ("0", "3601", "nan"),
}
ANY_TEXT = {
    "SPFCHECK_HOST", "SPFCHECK_API_KEYS", "SPFCHECK_DATABASE_URL", "SPFCHECK_INTERCOM_TOKEN",
    "SPFCHECK_INTERCOM_VERSION", "SPFCHECK_INTERCOM_WORKSPACE", "SPFCHECK_AUDIENCE_EXCLUDE_TAGS",
    "SPFCHECK_NOTIFY_EVENT_NAME", "SPFCHECK_NOTIFY_MARK_TAG", "SPFCHECK_NOTIFY_ALLOW", "SPFCHECK_NOTIFY_PAUSE_FILE",
    "SPFCHECK_NOTIFY_HASH_KEY", "SPFCHECK_NOTIFY_SUBSCRIPTIONS", "SPFCHECK_AUDIENCE_OWNER_PATH",
    "SPFCHECK_AUDIENCE_OWNER_ROLES", "SPFCHECK_NOTIFY_SUBJECT_TEMPLATE", "SPFCHECK_NOTIFY_BODY_TEMPLATE",
}  # fmt: skip
"""Settings that any text may be; what reads them says what it cannot find or use."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_setting_is_here() -> None:
    assert set(BAD) | ANY_TEXT == set(known_variables())
    assert set(BAD) & ANY_TEXT == set()
    assert all(len(set(texts)) == 3 for texts in BAD.values())


@pytest.mark.parametrize(("variable", "text"), [(variable, text) for variable in BAD for text in BAD[variable]])
def test_a_bad_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    if variable == "SPFCHECK_SENDER_NETWORKS":
        monkeypatch.setenv("SPFCHECK_SENDER_INCLUDE", "_spf.mail.example")
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError) as caught:
        load()
    said = str(caught.value)
    assert f"({variable}) cannot be used: " in said
    assert said.endswith(".")
    assert "\n" not in said
    assert "validation error" not in said


LISTS = [
    ("SPFCHECK_NOTIFY_QUIET_DAYS", "saturday, Sunday", ["saturday", "sunday"]),
    ("SPFCHECK_NOTIFY_QUIET_DAYS", '["saturday", "sunday"]', ["saturday", "sunday"]),
    ("SPFCHECK_NOTIFY_QUIET_DAYS", "", []),
    ("SPFCHECK_AUDIENCE_ROLES", "user,lead", ["user", "lead"]),
    ("SPFCHECK_AUDIENCE_EXCLUDE_TAGS", "a, b ,", ["a", "b"]),
    ("SPFCHECK_AUDIENCE_FILTERS", '[{"field": "role", "operator": "=", "value": "lead"}]',
     [{"field": "role", "operator": "=", "value": "lead"}]),
    ("SPFCHECK_NAMESERVERS", "[2001:db8::1]:5353,192.0.2.1", ["[2001:db8::1]:5353", "192.0.2.1"]),
    ("SPFCHECK_NAMESERVERS", '["192.0.2.1"]', ["192.0.2.1"]),
    ("SPFCHECK_NOTIFY_ALLOW", "a.example", ["a.example"]),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "text", "expected"), LISTS)
def test_lists(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, expected: list[object]) -> None:
    monkeypatch.setenv(variable, text)
    found: object = load()
    for name in known_variables()[variable]:
        found = getattr(found, name)
    assert found == expected


def test_good_values_are_kept_as_they_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "SPFCHECK_SENDER_INCLUDE": "_SPF.Mail.Example.",
        "SPFCHECK_SENDER_NETWORKS": "192.0.2.0/24,2001:db8::/32",
        "SPFCHECK_PUBLIC_URL": "https://spf.mail.example/tools/",
        "SPFCHECK_HELO": "[192.0.2.7]",
        "SPFCHECK_MAIL_FROM": "bounce+{domain}@bounce.{domain}",
        "SPFCHECK_NIGHT_AT": "*/5 2-4 1,15 jan-mar MON",
        "SPFCHECK_SESSION_KEY": "x" * 32,
    }
    for variable, text in texts.items():
        monkeypatch.setenv(variable, text)
    settings = load()
    assert settings.sender_include == "_spf.mail.example"
    assert settings.sender_networks == ["192.0.2.0/24", "2001:db8::/32"]
    assert settings.public_url == "https://spf.mail.example/tools"
    assert (settings.helo, settings.mail_from) == ("[192.0.2.7]", "bounce+{domain}@bounce.{domain}")
    assert settings.night.at == "*/5 2-4 1,15 jan-mar MON"


def test_an_option_is_checked_as_a_variable_is() -> None:
    with pytest.raises(SettingsError, match="must be a domain name"):
        load(sender_include="not a domain")


def test_the_defaults_hold() -> None:
    """They are not checked when they are read; each is what its reader takes."""
    settings = load()
    again = Settings.model_validate(settings.model_dump())
    assert again == settings
    assert get_args(Settings.model_fields["log_format"].annotation)[0] == "auto"
