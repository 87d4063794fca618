"""The text of a routing file → plain data, and where in the file each part of it stands.

Scalars follow YAML 1.2's core schema, so `on`, `no` and `off` are words. What PyYAML would let pass is refused here:
a key given twice, a part that contains itself, tags, and a nest of aliases that would unfold into millions of nodes.
What the data may contain is for `rules.py` to say.
"""

import glob
import os.path
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from gateway.routing.problems import Mark, Path, Problem, RulesError, printable, show_path
from gateway.routing.schema.providers import SECRET_FIELDS
from gateway.routing.substitution import BadReference, Substitution, Unset

MAX_NODES = 50_000
"""Nodes of a file once its aliases are unfolded. A provider for each of a thousand models needs about 20,000."""
MAX_DEPTH = 64
MAX_BYTES = 4 * 1024 * 1024

_MAPS = ("providers", "models", "aliases", "policies", "tags")
_LISTS = ("guards", "routes")
"""What an included file may hold."""


if TYPE_CHECKING:
    from yaml import SafeLoader as FastestLoader
else:  # libyaml's parser where PyYAML was built with it: ten times as fast, and a reload must not hold up a worker
    FastestLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(FastestLoader):
    """PyYAML's parser with YAML 1.2's idea of what a plain scalar is."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML declares it


_TAG = "tag:yaml.org,2002:"
for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(
        _TAG + _name, re.compile(rf"(?:{_pattern})\Z"), [*_first, *([""] * (_name == "null"))]
    )


@dataclass(slots=True)
class Document:
    """A routing file as plain data, with the place of each part."""

    name: str
    data: dict[str, Any] = field(default_factory=dict, repr=False)
    values: dict[Path, Mark] = field(default_factory=dict, repr=False)
    keys: dict[Path, Mark] = field(default_factory=dict, repr=False)
    styles: dict[Path, str] = field(default_factory=dict, repr=False)
    """How a string is written where it is not plain: `'`, `"`, `|` or `>`."""
    substituted: set[Path] = field(default_factory=set)
    """Where a value came from the environment or a file: it is never repeated in a message."""
    unset: dict[str, str] = field(default_factory=dict)
    """Provider → the variable that its key was to come from and that is not set."""
    included: list[tuple[str, str]] = field(default_factory=list, repr=False)
    """Path and text of the included files, in order."""
    include_patterns: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def mark(self, path: Path, *, of_key: bool = False) -> Mark:
        """The place of a part, or of the nearest part around it."""
        if of_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Mark(self.name, 1, 1))

    def problem(self, path: Path, message: str, *, of_key: bool = False) -> None:
        """Note what is wrong with a part."""
        self.problems.append(Problem(self.mark(path, of_key=of_key), show_path(path), message))


def read(
    text: str, *, name: str, substitution: Substitution, list_files: Callable[[str], Sequence[str]] | None = None
) -> Document:
    """The file and what it includes. Raises RulesError when it is not even YAML."""
    document = Document(name)
    _Builder(document, substitution, name).build(text)
    _include(document, substitution, list_files or glob.glob)
    return document


def _compose(text: str, name: str) -> yaml.Node | None:
    """PyYAML's node graph, its errors told in our words."""
    if len(text) > MAX_BYTES:
        raise RulesError([Problem(Mark(name, 1, 1), "", f"a routing file has at most {MAX_BYTES} characters")])
    try:
        loader = _Loader(text.removeprefix("\ufeff"))
        try:
            root: yaml.Node | None = loader.get_single_node()
            return root
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(name, at.line + 1, at.column + 1) if at else Mark(name, 1, 1)
        message = ": ".join(part for part in (error.context, error.problem) if part)
        raise RulesError([Problem(mark, "", f"this is not YAML: {printable(message, 200)}")]) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        mark = Mark(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise RulesError([Problem(mark, "", "a character that YAML does not allow")]) from error
    except UnicodeEncodeError as error:
        raise RulesError([Problem(Mark(name, 1, 1), "", "this is not UTF-8")]) from error
    except RecursionError:
        raise RulesError([Problem(Mark(name, 1, 1), "", f"nested more than {MAX_DEPTH} deep")]) from None


class _TooMuch(Exception):
    """The file unfolds into more than anyone meant."""


class _Builder:
    """Turns one file's node graph into plain data."""

    def __init__(self, document: Document, substitution: Substitution, file: str) -> None:
        self._document = document
        self._substitution = substitution
        self._file = file
        self._open: set[int] = set()
        self._absent: set[Path] = set()
        """Keys whose variable is not set: as if the line were not there."""
        self._nodes = 0

    def build(self, text: str) -> None:
        """Fill the document."""
        root = _compose(text, self._file)
        if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
            raise RulesError([Problem(Mark(self._file, 1, 1), "", "the file is empty")])
        if not isinstance(root, yaml.MappingNode):
            raise RulesError([Problem(self._mark(root), "", "a routing file is a mapping: providers, models, …")])
        try:
            self._document.data = self._mapping(root, ())
        except _TooMuch as error:
            raise RulesError([*self._document.problems, Problem(self._mark(root), "", str(error))]) from None

    def _mark(self, node: yaml.Node) -> Mark:
        return Mark(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooMuch(f"its aliases unfold into more than {MAX_NODES} nodes")
        if len(path) > MAX_DEPTH:
            raise _TooMuch(f"nested more than {MAX_DEPTH} deep")
        self._document.values[path] = self._mark(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            self._document.problem(path, "an alias refers to a part that contains it")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return self._sequence(node, path)
        finally:
            self._open.discard(id(node))
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        self._check_tag(node, "map", path)
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in built:
                first = self._document.keys[here].line
                message = f"this key stands here a second time (first in line {first})"
                self._document.problems.append(Problem(self._mark(key_node), show_path(here), message))
                continue
            self._document.keys[here] = self._mark(key_node)
            value = self._value(value_node, here)
            if here not in self._absent:
                built[key] = value
        return built

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str":
            return str(node.value)
        message = "a key is a word; put quotes around a number, true, false or null"
        self._document.problems.append(Problem(self._mark(node), show_path(path), message))
        return None

    def _sequence(self, node: yaml.SequenceNode, path: Path) -> list[Any]:
        self._check_tag(node, "seq", path)
        return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _check_tag(self, node: yaml.Node, kind: str, path: Path) -> None:
        if node.tag != _TAG + kind:
            self._document.problem(path, "tags (words that begin with '!') mean nothing here")

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        if node.style:
            self._document.styles[path] = node.style
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return self._string(node.value, path)
        try:
            return _PLAIN[kind](node.value)
        except KeyError:
            self._document.problem(path, "tags (words that begin with '!') mean nothing here")
        except ValueError:
            self._document.problem(path, f"this is no {kind}")
        return None

    def _string(self, text: str, path: Path) -> str | None:
        try:
            value, replaced = self._substitution.apply(text)
        except Unset as error:
            self._document.substituted.add(path)
            if _holds_key(path):
                self._document.unset.setdefault(str(path[1]), error.name)
                self._absent.add(path)
            else:
                message = (
                    f"the environment variable {error.name} is not set; '${{{error.name}:-default}}' gives a default"
                )
                self._document.problem(path, message)
            return None
        except BadReference as error:
            self._document.problem(path, str(error))
            return None
        if replaced:
            self._document.substituted.add(path)
        if not value and replaced and _holds_key(path) and ":-" not in text:  # `OPENAI_API_KEY=` is as good as unset
            self._document.unset.setdefault(str(path[1]), text.strip("${}"))
            self._absent.add(path)
        return value


def _holds_key(path: Path) -> bool:
    return len(path) >= 3 and path[0] == "providers" and path[2] in SECRET_FIELDS


def _integer(text: str) -> int:
    return int(text, 8) if text.startswith("0o") else int(text, 16) if text.startswith("0x") else int(text)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_PLAIN: Mapping[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _float,
}


def _include(document: Document, substitution: Substitution, list_files: Callable[[str], Sequence[str]]) -> None:
    """Merge the files that `include` names, as if they stood at the end of this one."""
    patterns = document.data.get("include")
    for index, pattern in enumerate(patterns if isinstance(patterns, list) else []):
        path: Path = ("include", index)
        if not isinstance(pattern, str):
            continue
        full = os.path.join(os.path.dirname(document.name), pattern)  # noqa: PTH118, PTH120 - a path as the operator wrote it
        document.include_patterns.append(full)
        names = sorted(list_files(full)) if glob.has_magic(full) else [full]
        for name in names:
            try:
                text = substitution.read_file(name)
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                document.problem(path, f"{printable(name)} can't be read: {reason or type(error).__name__}")
                continue
            document.included.append((name, text))
            part = Document(name)
            _Builder(part, substitution, name).build(text)
            _merge(document, part)


def _merge(document: Document, part: Document) -> None:
    """Add an included file's maps and lists; a name that both give is a mistake."""
    document.problems.extend(part.problems)
    for provider, variable in part.unset.items():
        document.unset.setdefault(provider, variable)
    for section, content in part.data.items():
        if section in _MAPS and isinstance(content, dict):
            _merge_map(document, part, section, content)
        elif section in _LISTS and isinstance(content, list):
            _merge_list(document, part, section, content)
        elif content is not None:
            mark = part.mark((section,), of_key=True)
            message = f"an included file holds {', '.join((*_MAPS, *_LISTS))} and nothing else"
            document.problems.append(Problem(mark, printable(section), message))


def _merge_map(document: Document, part: Document, section: str, content: dict[str, Any]) -> None:
    own = document.data.setdefault(section, {})
    if not isinstance(own, dict):
        return
    taken = own.keys() & content.keys()
    for key in taken:
        here: Path = (section, key)
        first = document.mark(here, of_key=True)
        message = f"this name is taken (first in {first.file}:{first.line})"
        document.problems.append(Problem(part.mark(here, of_key=True), show_path(here), message))
    own.update((key, value) for key, value in content.items() if key not in taken)
    _adopt(document, part, section, lambda path: None if path[1] in taken else path)


def _merge_list(document: Document, part: Document, section: str, content: list[Any]) -> None:
    own = document.data.setdefault(section, [])
    if not isinstance(own, list):
        return
    offset = len(own)
    own.extend(content)
    _adopt(document, part, section, lambda path: (section, int(path[1]) + offset, *path[2:]))


def _adopt(document: Document, part: Document, section: str, moved: Callable[[Path], Path | None]) -> None:
    """Take over the places of a section's parts; `moved` says where each went, or that it was left out."""
    for ours, theirs in ((document.values, part.values), (document.keys, part.keys)):
        for path, mark in theirs.items():
            if path[0] == section:
                new = moved(path) if len(path) > 1 else path
                if new is not None:
                    ours.setdefault(new, mark)
    for path, style in part.styles.items():
        new = moved(path) if path[0] == section and len(path) > 1 else None
        if new is not None:
            document.styles[new] = style
    for path in part.substituted:
        new = moved(path) if path[0] == section and len(path) > 1 else None
        if new is not None:
            document.substituted.add(new)
