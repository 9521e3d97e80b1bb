"""Chat templates that print today's date are told a fixed one: a rendering must not depend on
the day it is made.

transformers gives templates a function `strftime_now`, and lets nobody pass another: whatever is
handed to a template becomes plain data. A macro of that name at the head of the template's text
stands before the function, within this template alone.
"""

from __future__ import annotations

import json
from datetime import datetime

from transformers import PreTrainedTokenizerBase

NAME = "strftime_now"
_ATTRIBUTE = "luthier_today"
_DIRECTIVES = (*"aAwdbBmyYHIMSfzZpjUWcxXGuVFDeTRh", "-d", "-m", "-j", "-H", "-I", "-M", "-S")
_MACRO = """\
{%- macro strftime_now(format) -%}
{%- set known = DAY -%}
{%- for part in format.split('%') -%}
{%- set name = part[:2] if part[:1] == '-' else part[:1] -%}
{%- if loop.first -%}
{{ part }}
{%- elif name in known -%}
{{ known[name] + part[name | length:] }}
{%- else -%}
{{ raise_exception("the date cannot be written as '" + format + "'") }}
{%- endif -%}
{%- endfor -%}
{%- endmacro %}
"""
"""Ends with a line end, which Jinja drops behind a block: the template begins at a new line."""


def is_printed(tokenizer: PreTrainedTokenizerBase | None) -> bool:
    """Whether some chat template of the tokenizer, if there is one, asks for the present date."""
    return tokenizer is not None and NAME in str(tokenizer.chat_template or "")


def tell(tokenizer: PreTrainedTokenizerBase | None, day: str) -> None:
    """From now on templates of `tokenizer` print `day` (YYYY-MM-DD); "auto": the present date.

    The tokenizer remembers it, as it is what every rendering goes through. Its templates stay as
    they are, and so do the files it is saved to.
    """
    if tokenizer is not None:
        setattr(tokenizer, _ATTRIBUTE, "" if day == "auto" else day)


def told(tokenizer: PreTrainedTokenizerBase) -> str:
    """The day that `tell` fixed; empty for none."""
    return str(getattr(tokenizer, _ATTRIBUTE, ""))


def pinned(template: str, day: str) -> str:
    """`template` as text that prints `day` (YYYY-MM-DD) where it would print the present date."""
    if not day or NAME not in template:
        return template
    when = datetime.fromisoformat(day)
    known = {directive: when.strftime(f"%{directive}") for directive in _DIRECTIVES}
    return _MACRO.replace("DAY", json.dumps(known)) + template
