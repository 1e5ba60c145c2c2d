"""DNS answers as ordinary customers have them."""

from __future__ import annotations

import random
from typing import Any

from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.lookup import Question, Rtype


def name_of(number: int) -> str:
    return f"customer{number}.example"


def ordinary_answer(number: int, rng: random.Random) -> Answer:
    """What a customer's name holds: mostly a record and a verification or two, now and then nothing."""
    question = Question(name_of(number), Rtype.TXT)
    common: dict[str, Any] = {"question": question, "resolver": "127.0.0.1:53", "rcode": 0}
    common |= {"took_ms": round(rng.random() * 40, 3), "received_at": 1.8e9 + rng.random()}
    if rng.random() < 0.15:
        outcome = rng.choice((Outcome.NODATA, Outcome.NXDOMAIN))
        return Answer(outcome=outcome, ttl=3600, soa_seen=True, **common)
    networks = " ".join(f"ip4:198.51.{rng.randrange(256)}.{rng.randrange(256)}" for _ in range(rng.randrange(4)))
    texts = [f"v=spf1 {networks} include:_spf.mail.example include:spf{rng.randrange(50)}.other.example -all"]
    texts += [f"google-site-verification={rng.randbytes(32).hex()[:43]}" for _ in range(rng.choice((0, 1, 1, 2)))]
    records = tuple((text.encode(),) for text in texts)
    return Answer(outcome=Outcome.OK, records=records, ttl=86400, **common)
