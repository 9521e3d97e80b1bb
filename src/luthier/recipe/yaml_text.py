"""YAML with line numbers, duplicate keys refused, and the scalars that people expect.

PyYAML reads YAML 1.1: there `1e-4` is text, `off` is false and `2024-01-01` a date. Here the core
rules of YAML 1.2 hold instead: https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import Any

import yaml

from luthier.core.errors import RecipeError

MAX_NODES, MAX_DEPTH = 20_000, 32


class _Loader(yaml.SafeLoader):
    """SafeLoader whose plain scalars follow YAML 1.2."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), [*_first, ""]
    )


def _int(loader: yaml.SafeLoader, node: Any) -> int:
    return int(loader.construct_scalar(node))  # YAML 1.1 would read 010 as octal


_Loader.add_constructor("tag:yaml.org,2002:int", _int)


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML text holds, and the 1-based line of every key."""

    value: Any
    lines: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])


def parse(text: str, *, name: str) -> Document:
    """The document in `text`.

    Args: name: what messages call the file.
    Raises: RecipeError: not YAML, or keys given twice, with lines.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None)
        lines: dict[tuple[str, ...], int] = {}
        twice = _walk(node, (), lines, name)
        if twice:
            raise RecipeError("\n".join(twice))
        return Document(loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise RecipeError(f"{name}{place}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise RecipeError(f"{name}: not valid YAML: {str(error).splitlines()[0]}") from None


def scalar(text: str) -> Any:
    """A value typed on the command line: lists, mappings and quotes as in YAML; else a number,
    true, false or the text itself, so that "Answer: yes" and "*.jsonl" need no quotes.

    Raises: RecipeError: an opened bracket or quote that YAML cannot read.
    """
    stripped = text.strip()
    if stripped[:1] in ("[", "{", '"', "'"):
        return parse(stripped, name=f"value {stripped!r}").value
    node = yaml.ScalarNode(_Loader("").resolve(yaml.ScalarNode, text, (True, False)), text)
    return _Loader("").construct_document(node)


def dump(value: Any) -> str:
    """YAML that `parse`, and readers of YAML 1.1, read back to the same value."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=None,
    )


def inline(value: Any) -> str:
    """The same on one line, to stand behind a key and before a comment."""
    text = yaml.dump(
        [value],
        Dumper=_OneLine,
        sort_keys=False,
        allow_unicode=True,
        width=sys.maxsize,
        default_flow_style=True,
    )
    return text.strip()[1:-1]


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes what either version of YAML would misread."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = repr(value)  # such as 2e-05, which is text in YAML 1.1
    if "." not in text:
        text = text.replace("e", ".0e")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(float, _float)
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z"),
    list("-+.0123456789"),
)


class _OneLine(_Dumper):
    """Writes line ends in a text as escapes."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if len(value.splitlines()) > 1 or value != value.rstrip("\r\n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_OneLine.add_representer(str, _text)


def _walk(
    root: yaml.Node, at: tuple[str, ...], lines: dict[tuple[str, ...], int], name: str
) -> list[str]:
    twice: list[str] = []
    waiting: list[tuple[yaml.Node, tuple[str, ...]]] = [(root, at)]
    for _ in range(MAX_NODES):
        if not waiting:
            return twice
        node, at = waiting.pop()
        if len(at) > MAX_DEPTH:
            break
        if isinstance(node, yaml.MappingNode):
            twice += _keys(node, at, lines, name)
            waiting += [(value, (*at, str(key.value))) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(value, (*at, str(index))) for index, value in enumerate(node.value)]
    raise RecipeError(f"{name}: too large, too deep, or refers to itself; a recipe is small")


def _keys(
    node: yaml.MappingNode, at: tuple[str, ...], lines: dict[tuple[str, ...], int], name: str
) -> list[str]:
    twice: list[str] = []
    seen: dict[str, int] = {}
    for key, _ in node.value:
        label, line = str(key.value), key.start_mark.line + 1
        if label in seen and label != "<<":
            place = ".".join((*at, label))
            twice.append(
                f"{name} line {line}: '{place}' is given twice, first in line {seen[label]}"
            )
        seen.setdefault(label, line)
        lines.setdefault((*at, label), line)
    return twice
