"""How a command ends, and what goes to which stream."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

ENDING = "spfcheck/cli/ending.py"
TYPED = "spfcheck/cli/typed.py"
CHECK = "spfcheck/cli/check.py"
TESTS = "tests/cli/test_endings.py"


def _ending(name: str, file: str, old: str, new: str, test: str) -> Mutation:
    return Mutation(name, file, old, new, (f"{TESTS}::{test}",))


MUTATIONS = (
    _ending(
        "answers-above-the-bar",
        CHECK,
        "redirect_stdout=False, ",
        "",
        "test_the_bar_is_for_the_terminal_and_the_answers_are_for_the_file",
    ),
    _ending(
        "output-not-flushed",
        ENDING,
        "        sys.stdout.flush()\n    except SystemExit",
        "    except SystemExit",
        "test_a_disk_that_is_full",
    ),
    _ending("flushed-on-the-way-out", ENDING, "        _discard_output()\n", "", "test_a_disk_that_is_full"),
    _ending("closed-output", ENDING, "if sys.stdout is None:", "if False:", "test_streams_that_are_closed"),
    _ending("closed-input", TYPED, "if stream is None:", "if False:", "test_streams_that_are_closed"),
    _ending("groups-as-one", ENDING, "isinstance(error, BaseExceptionGroup)", "False", "test_whatever_is_raised"),
    _ending("broken-pipe", ENDING, "isinstance(error, BrokenPipeError)", "False", "test_a_reader_that_has_enough"),
    _ending("ctrl-c", ENDING, "isinstance(error, KeyboardInterrupt)", "False", "test_whatever_is_raised"),
    _ending("no-details", ENDING, "file.write(details)", "pass", "test_a_fault_of_ours_keeps_its_details"),
    _ending("line-without-bound", TYPED, "rest = rest[:LONGEST]", "pass", "test_a_line_without_end_is_not_kept"),
    _ending("one-encoding", TYPED, '"utf-16" if', '"utf-8" if', "test_files_as_programs_write_them"),
)
