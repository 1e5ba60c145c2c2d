"""Processing limits as data, and the one place that counts against them (RFC 7208 4.6.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.verdict import Cause

__all__ = [
    "AUDIT_QUESTIONS",
    "CHECK_QUESTIONS",
    "DEEPEST",
    "LENIENT",
    "MX_HOSTS",
    "REPEATS_PER_QUESTION",
    "SMALL_SET",
    "STRICT",
    "UNLIMITED",
    "Budget",
    "LimitExceededError",
    "Policy",
]

CHECK_QUESTIONS: Final = 111
"""Our own ceiling for one address: the record, ten mx, and ten address questions for each, is the largest legal check
without ``%{p}``."""
AUDIT_QUESTIONS: Final = 150
"""Our own ceiling for a walk over a set, whose addresses may go different ways."""
DEEPEST: Final = 64
"""Records inside records that are followed where no limit of the standard ends it; with limits, 11 is the most."""
REPEATS_PER_QUESTION: Final = 50
"""How often a walk over a set may need an answer again, for each different question that it may ask: the parts of a set
come by the same record separately, and a hostile tree makes many parts."""
SMALL_SET: Final = 16
"""Up to so many addresses, a term that depends on the address is asked for each of them; beyond, it is marked."""
MX_HOSTS: Final = 10
"""RFC 7208 4.6.4: the address records of so many names of one mx are asked for, and no more."""
_NEVER: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How the standard's limits are read, where receivers differ."""

    name: str
    lookups: int = 10
    """RFC 7208 4.6.4: terms that need the DNS, MUST be at most 10."""
    voids: int = 2
    """4.6.4: lookups without an answer, SHOULD be at most two."""
    mx_names: int = MX_HOSTS
    """4.6.4: names of one mx, MUST be at most 10."""
    ptr_names: int = 10
    """4.6.4: of the names of an address the first 10 count, the rest are ignored."""
    questions: int = CHECK_QUESTIONS
    """Our own ceiling for one address; ends in temperror."""
    void_without_nxdomain: bool = True
    """A name that exists without addresses of the client's family is void as well."""
    void_again: bool = True
    """A void name that is asked again counts again."""
    mx_excess_at_once: bool = True
    """Too many mx names are an error even if one of the first ten would match."""
    loops_end: bool = False
    """No limit ends a loop: a direct self-include counts as no match, a longer loop is permerror."""


STRICT: Final = Policy(name="strict")
"""The strict reading of RFC 7208, which is our verdict."""
LENIENT: Final = Policy(name="lenient", void_without_nxdomain=False, void_again=False, mx_excess_at_once=False)
"""The reading of receivers that count fewer void lookups and look at the first ten mx names."""
UNLIMITED: Final = Policy(
    name="unlimited", lookups=_NEVER, voids=_NEVER, questions=AUDIT_QUESTIONS * 10, void_again=True, loops_end=True
)
"""What the text says when the lookup and void limits are lifted: for counting how far over a record is, and proofs."""


class LimitExceededError(Exception):
    """A limit or ceiling is exceeded; *cause* says which."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


class Budget:
    """What one evaluation has used up so far; raises `LimitExceededError` by itself when that is too much."""

    __slots__ = ("lookups", "policy", "questions", "void_names", "voids")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.lookups = 0
        self.voids = 0
        self.questions = 0
        self.void_names: frozenset[Question] = frozenset()

    def fork(self) -> Budget:
        """The same state, to be used up separately: the addresses of a set may go different ways."""
        twin = Budget(self.policy)
        twin.lookups = self.lookups
        twin.voids = self.voids
        twin.questions = self.questions
        twin.void_names = self.void_names
        return twin

    def state(self) -> tuple[object, ...]:
        """All that later terms can depend on."""
        return self.lookups, self.voids, self.questions, self.void_names

    def term(self) -> None:
        """One term that needs the DNS is evaluated."""
        self.lookups += 1
        if self.lookups > self.policy.lookups:
            raise LimitExceededError(Cause.LOOKUP_LIMIT)

    def question(self) -> None:
        """One question is about to be asked; asked again, it counts again, so that caches change nothing."""
        self.questions += 1
        if self.questions > self.policy.questions:
            raise LimitExceededError(Cause.QUESTION_CEILING)

    def void(self, question: Question, *, nxdomain: bool) -> None:
        """The DNS had no record for *question*."""
        policy = self.policy
        if not (nxdomain or policy.void_without_nxdomain) and question.rtype in (Rtype.A, Rtype.AAAA):
            return
        if not policy.void_again:
            if question in self.void_names:
                return
            self.void_names |= {question}
        self.voids += 1
        if self.voids > policy.voids:
            raise LimitExceededError(Cause.VOID_LIMIT)

    def missing_record(self) -> None:
        """An included domain's TXT lookup was void: counted, but the missing record is the error to report."""
        self.voids += 1

    def unanswerable(self) -> None:
        """A term that depends on the message is taken as one void lookup."""
        self.voids += 1
        if self.voids > self.policy.voids:
            raise LimitExceededError(Cause.VOID_LIMIT)
