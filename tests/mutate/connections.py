"""What no client may do to a service: each bound on connections, bodies and readers."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

CONNECTIONS = "spfcheck/serve/connections.py"
BATCH = "spfcheck/api/batch.py"
TESTS = "tests/serve/test_connections.py"
ACCESS = "tests/api/access/test_access.py"


def _mutation(name: str, file: str, old: str, new: str, test: str) -> Mutation:
    return Mutation(name, file, old, new, (test if "/" in test else f"{TESTS}::{test}",))


MUTATIONS = (
    _mutation(
        "a-body-may-take-for-ever",
        "spfcheck/api/params.py",
        "async with asyncio.timeout(BODY_SECONDS):",
        "async with asyncio.timeout(None):",
        "test_a_body_that_does_not_come_is_a_timeout",
    ),
    _mutation(
        "a-line-may-take-for-ever",
        BATCH,
        "async with asyncio.timeout(LINE_SECONDS):",
        "async with asyncio.timeout(None):",
        "test_a_batch_whose_next_line_does_not_come_ends_and_says_so",
    ),
    _mutation(
        "answers-are-gathered-without-bound",
        BATCH,
        "while self._held + self._largest > READY_BYTES and self._held:",
        "while False:",
        "test_a_reader_that_stops_is_cut_off_and_holds_little",
    ),
    _mutation(
        "a-reader-may-stop-for-ever",
        CONNECTIONS,
        "                one.transport.abort()\n",
        "",
        "test_a_reader_that_stops_is_cut_off_and_holds_little",
    ),
    _mutation(
        "bodies-are-unpacked",
        "spfcheck/api/frame.py",
        'if route.method == "POST" and request.headers.get("Content-Encoding", "identity").lower() != "identity":',
        "if False:",
        "test_no_body_is_unpacked",
    ),
    _mutation(
        "batches-without-number",
        BATCH,
        "if service.batches[caller] >= most:",
        "if False:",
        "test_a_key_has_so_many_batches_and_another_key_as_many",
    ),
    _mutation(
        "batches-are-counted-together",
        BATCH,
        "caller, most = request[CALLER].name,",
        'caller, most = "",',
        "test_a_key_has_so_many_batches_and_another_key_as_many",
    ),
    _mutation(
        "nobody-gives-way",
        CONNECTIONS,
        "        if not waiting:\n",
        "        if True:\n",
        "test_who_waits_without_a_request_gives_way",
    ),
    _mutation(
        "connections-without-number",
        CONNECTIONS,
        "if len(self._connections) < self.most:",
        "if True:",
        "test_where_all_are_at_work_one_more_is_refused_and_told_so",
    ),
    _mutation(
        "half-a-body-gives-no-way",
        CONNECTIONS,
        "return not request.content.is_eof() and not request.writer.output_size",
        "return False",
        "test_a_flood_at_64_descriptors_leaves_the_service_answering",
    ),
    _mutation(
        "descriptors-do-not-count",
        CONNECTIONS,
        "return max(FEWEST, min(wanted, limit - KEPT_FREE))",
        "return max(FEWEST, wanted)",
        "test_descriptors_bound_the_connections",
    ),
    _mutation(
        "descriptors-cannot-be-counted",
        CONNECTIONS,
        "return limit if error.errno == errno.EMFILE else 0, limit",
        "return 0, limit",
        "test_descriptors_that_run_out_are_told",
    ),
    _mutation(
        "malformed-requests-are-logged-whole",
        CONNECTIONS,
        "id=request_id, why=type(error).__name__)",
        "id=request_id, why=str(error))",
        "test_what_is_no_http_is_answered_and_logged_without_what_it_says",
    ),
    _mutation(
        "aiohttp-answers-what-is-malformed",
        CONNECTIONS,
        "        return self._manager.fault(status, exc)\n",
        "        return super().handle_error(request, status, exc)\n",
        "test_what_is_no_http_is_answered_and_logged_without_what_it_says",
    ),
    _mutation(
        "a-page-of-another-site-may-post",
        "spfcheck/api/access/guard.py",
        "if request.method not in SAFE and of_another_site(request):",
        "if False:",
        f"{ACCESS}::test_without_keys_a_page_of_another_site_can_send_nothing",
    ),
    _mutation(
        "a-browser-may-send-plain-text",
        BATCH,
        'plain = ("text/plain",) if service.keys_required else ()',
        'plain = ("text/plain",)',
        f"{ACCESS}::test_without_keys_a_page_of_another_site_can_send_nothing",
    ),
    _mutation(
        "a-copied-cookie-outlives-its-session",
        "spfcheck/api/access/sessions.py",
        "    if name in service.signed_out:\n        return None\n",
        "",
        f"{ACCESS}::test_signing_out_ends_the_session_wherever_its_cookie_lies",
    ),
    _mutation(
        "a-session-ends-in-one-process",
        "spfcheck/api/access/sessions.py",
        "        await asyncio.to_thread(service.signed_out.tell, name, float(until))\n",
        "        pass\n",
        f"{ACCESS}::test_signing_out_ends_the_session_wherever_its_cookie_lies",
    ),
    _mutation(
        "everybody-reads-why-it-is-not-ready",
        "spfcheck/api/routes.py",
        "told = reasons if request[CALLER] is not NOBODY else ()",
        "told = reasons",
        f"{ACCESS}::test_whether_it_is_ready_is_told_to_everybody_and_why_not_to_who_has_a_key",
    ),
    _mutation(
        "probes-are-logged",
        "spfcheck/api/frame.py",
        'PROBES = frozenset({"/healthz", "/readyz"})',
        "PROBES: frozenset[str] = frozenset()",
        "test_probes_leave_no_line_and_readiness_one_when_it_changes",
    ),
    _mutation(
        "the-same-line-each-time",
        "spfcheck/api/observe/seldom.py",
        "        if now < after:\n",
        "        if False:\n",
        "tests/api/observe/test_seldom.py::test_a_line_a_minute_and_event",
    ),
    _mutation(
        "lost-reports-are-not-counted",
        "spfcheck/api/reports/stored.py",
        "        self.lost += number\n",
        "",
        "tests/api/reports/test_stored.py::test_what_a_database_that_fails_costs_is_counted_and_told_once",
    ),
    _mutation(
        "a-start-waits-for-the-resolvers",
        "spfcheck/serve/app.py",
        "        # The first look is what the first wait for our senders begins with; nothing else waits for it.\n",
        "        await service.watch.look()\n",
        "tests/serve/test_start.py::test_a_resolver_that_never_answers_holds_readiness_and_nothing_else",
    ),
    _mutation(
        "checks-go-before-the-first-look",
        "spfcheck/checking/senders.py",
        "            await self._once(self._look)\n",
        "            pass\n",
        "tests/serve/test_start.py::test_a_check_waits_for_the_first_look_and_who_goes_away_ends_it_for_nobody",
    ),
    _mutation(
        "who-goes-away-ends-it-for-all",
        "spfcheck/checking/senders.py",
        "        await asyncio.shield(self._reading)\n",
        "        await self._reading\n",
        "tests/serve/test_start.py::test_a_check_waits_for_the_first_look_and_who_goes_away_ends_it_for_nobody",
    ),
)
