"""What a setting may be: each check left out, one by one."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

SETTINGS = "spfcheck/settings.py"
VALUES = "spfcheck/values.py"
REFUSED = ("tests/test_bad_settings.py::test_a_bad_value_is_refused_by_name",)
LISTS = ("tests/test_bad_settings.py::test_lists",)


def _unchecked(name: str) -> Mutation:
    """A setting whose text nobody looks at."""
    return Mutation(f"any-{name.replace('_', '-')}", SETTINGS, f"AfterValidator(values.{name})", "None", REFUSED)


def _unchecked_unless_empty(name: str) -> Mutation:
    return Mutation(f"any-{name.replace('_', '-')}", SETTINGS, f"_unless_empty(values.{name})", "None", REFUSED)


MUTATIONS = (
    *map(_unchecked, ("network", "day", "role", "mail_from", "host")),
    *map(_unchecked_unless_empty, ("domain", "web_address", "cron", "field_name")),
    Mutation("any-nameserver", SETTINGS, "AfterValidator(_as_written(values.resolver))", "None", REFUSED),
    Mutation("any-hours", SETTINGS, "_unless_empty(_as_written(values.hours))", "None", REFUSED),
    Mutation("session-key-of-any-length", SETTINGS, "if 0 < len(value.", "if 0 > len(value.", REFUSED),
    Mutation("infinite-numbers", SETTINGS, ', frozen=True, allow_inf_nan=False)', ", frozen=True)", REFUSED),
    Mutation("json-is-no-list", SETTINGS, '''startswith(('["', "[]")):''', "startswith(()):", LISTS),
    Mutation("address-with-a-query", VALUES, "parts.query or ", "", REFUSED),
    Mutation("address-of-any-scheme", VALUES, 'parts.scheme not in ("http", "https") or ', "", REFUSED),
)  # fmt: skip
