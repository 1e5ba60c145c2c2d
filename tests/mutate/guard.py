"""Who may ask what of the service: each refusal of its guard."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

FILE = "spfcheck/api/access/guard.py"
TESTS = "tests/api/access/test_guard.py"


def _guard(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, FILE, old, new, tuple(f"{TESTS}::{test}" for test in tests))


def _without(header: str) -> Mutation:
    """A guard that does not know *header*."""
    return _guard(
        f"not-forwarded-by-{header.lower()}",
        f'"{header}"',
        '"X-None"',
        "test_without_keys_a_forwarded_request_on_loopback_is_refused",
    )


MUTATIONS = (
    _guard(
        "bare-ipv6-cut",
        'return header.partition(":")[0] if header.count(":") <= 1 else header',
        'return header.partition(":")[0]',
        "test_a_host_is_read_without_port_and_brackets_and_a_bare_ipv6_address_is_whole",
        "test_a_bare_ipv6_host_header_is_judged_by_all_of_it",
    ),
    _guard(
        "brackets-kept",
        'if header.startswith("["):',
        "if False:",
        "test_a_host_is_read_without_port_and_brackets_and_a_bare_ipv6_address_is_whole",
    ),
    _guard(
        "port-kept",
        'return header.partition(":")[0] if header.count(":") <= 1 else header',
        "return header",
        "test_a_host_is_read_without_port_and_brackets_and_a_bare_ipv6_address_is_whole",
    ),
    _guard(
        "any-address-is-loopback",
        "return ipaddress.ip_address(host).is_loopback",
        "return bool(ipaddress.ip_address(host))",
        "test_only_what_this_machine_alone_can_reach_is_loopback",
    ),
    _guard(
        "any-name-is-loopback",
        "    except ValueError:\n        return False\n\n\ndef host_of",
        "    except ValueError:\n        return True\n\n\ndef host_of",
        "test_only_what_this_machine_alone_can_reach_is_loopback",
    ),
    _guard(
        "localhost-forgotten",
        'if host == "localhost":',
        "if False:",
        "test_only_what_this_machine_alone_can_reach_is_loopback",
    ),
    _guard(
        "foreign-name-answered",
        'if not is_loopback(host_of(headers.get("Host", ""))):',
        "if False:",
        "test_without_keys_a_foreign_name_is_refused_also_from_this_machine",
    ),
    _guard(
        "forwarded-answered",
        "if any(name in headers for name in FORWARDED):",
        "if False:",
        "test_without_keys_a_forwarded_request_on_loopback_is_refused",
    ),
    *(
        _without(header)
        for header in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
    ),
    _guard(
        "keys-not-required",
        "if not service.keys_required:",
        "if True:",
        "test_with_keys_neither_name_nor_proxy_matters_and_nobody_is_local",
    ),
    _guard(
        "any-scheme",
        'if scheme.lower() == "bearer" else None',
        "if True else None",
        "test_a_key_is_believed_by_its_scheme_and_its_text",
    ),
    _guard(
        "wrong-key-falls-through",
        "return _of_key(key) if key else NOBODY",
        "if key:\n            return _of_key(key)",
        "test_who_sends_a_wrong_key_is_nobody_whatever_else_they_are",
    ),
    _guard(
        "session-unread",
        "return caller_of_session(request, service) or ",
        "return ",
        "test_who_signed_in_is_known_by_the_cookie_and_stays_it_behind_a_trusted_proxy",
    ),
    _guard(
        "any-proxy-trusted",
        'any(is_in(request.remote or "", network) for network in service.settings.trusted_proxies)',
        "True",
        "test_a_person_is_whom_a_trusted_proxy_names_and_nobody_else",
    ),
    _guard(
        "nameless-person",
        "if not person or not any(",
        "if not any(",
        "test_a_person_is_whom_a_trusted_proxy_names_and_nobody_else",
    ),
    _guard(
        "header-without-a-name",
        "    if not header:\n        return None\n",
        "",
        "test_a_person_is_whom_a_trusted_proxy_names_and_nobody_else",
    ),
    _guard(
        "proxy-brings-admins",
        "key=None, scopes=frozenset({Scope.CHECK, Scope.SUPPORT}))\n\n\ndef is_in",
        "key=None, scopes=frozenset(Scope))\n\n\ndef is_in",
        "test_a_person_is_whom_a_trusted_proxy_names_and_nobody_else",
    ),
    _guard(
        "nonsense-lies-in-every-network",
        "        return False\n\n\n@lru_cache",
        "        return True\n\n\n@lru_cache",
        "test_an_address_lies_in_a_network_or_it_does_not",
    ),
    _guard(
        "local-may-all",
        "        if scope not in caller.scopes:\n",
        "        if False:\n",
        "test_without_keys_who_is_local_may_all_but_administer",
    ),
    _guard(
        "nobody-may-all",
        "    if caller is NOBODY:\n        raise ProblemError(",
        "    if caller is NOBODY:\n        return\n    if False:\n        raise ProblemError(",
        "test_nobody_is_asked_for_a_key_and_told_how",
    ),
    _guard(
        "nobody-is-forbidden",
        "if caller is NOBODY:",
        "if False:",
        "test_nobody_is_asked_for_a_key_and_told_how",
    ),
    _guard(
        "scopes-not-asked",
        "if not covered(caller.scopes, scope):",
        "if False:",
        "test_a_key_opens_what_its_scopes_cover_and_is_refused_the_rest",
    ),
    _guard(
        "a-scope-implies-all",
        "any(scope in IMPLIED[own] for own in scopes)",
        "bool(scopes)",
        "test_a_key_opens_what_its_scopes_cover_and_is_refused_the_rest",
    ),
)
