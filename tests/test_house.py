"""The house keeps its own rules: bounds on files, functions and dependencies, and documents that are true."""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = sorted(path for room in ("gateway", "backends") for path in (ROOT / room).rglob("*.py"))
LOCKS = ("requirements.lock", "requirements-test.lock")
MAX_PACKAGES = 42
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
DOCUMENTS = sorted(path for path in (ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")))


def locked(name: str) -> list[tuple[Requirement, list[str]]]:
    """The requirements of a lock file, each with its hashes."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    split = (re.split(r"\s+--hash=", line) for line in lines)
    return [(Requirement(first), hashes) for first, *hashes in split]


def names_for(name: str, python: str, machine: str = "x86_64") -> set[str]:
    """What this lock file installs on Linux, for a Python of this version."""
    environment = {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
    }
    needed = (requirement for requirement, _ in locked(name))
    return {need.name for need in needed if need.marker is None or need.marker.evaluate(environment)}


# Dependencies


@pytest.mark.parametrize("python", ["3.11.2", "3.11.7", "3.12.1", "3.13.0", "3.14.0"])
def test_the_serving_environment_stays_small(python: str) -> None:
    names = names_for("requirements.lock", python)
    assert len(names) <= MAX_PACKAGES, sorted(names)
    assert ("backports-zstd" in names) == (python < "3.14")


@pytest.mark.parametrize("lock", LOCKS)
def test_each_locked_package_has_one_version_and_hashes_and_no_address(lock: str) -> None:
    assert not re.search(
        r"://|^\s*-(-index|-extra|-find|-trusted|i |f )|\s@\s", (ROOT / lock).read_text(), re.MULTILINE
    )
    for requirement, hashes in locked(lock):
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert requirement.url is None
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


def test_tests_run_with_the_versions_that_serve() -> None:
    serving, testing = ({(need.name, str(need.specifier)) for need, _ in locked(lock)} for lock in LOCKS)
    assert serving <= testing


def test_the_lock_covers_what_the_project_asks_for() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    asked = re.search(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert asked
    versions = {need.name.lower(): need for need, _ in locked("requirements.lock")}
    for line in re.findall(r'"([^"]+)"', asked[1]):
        need = Requirement(line)
        pinned = versions[re.sub(r"[-_.]+", "-", need.name).lower()]
        assert need.specifier.contains(str(pinned.specifier).removeprefix("==")), need


@pytest.mark.parametrize("lock", LOCKS)
def test_litellm_is_a_peer_in_benchmarks_and_never_a_dependency(lock: str) -> None:
    assert not [need.name for need, _ in locked(lock) if "litellm" in need.name.lower()]


def test_no_lock_file_names_an_address_or_a_bad_release() -> None:
    locks = [*(ROOT / "benchmarks" / "locks").rglob("*.txt"), *(ROOT / "tests").rglob("*lock.txt")]
    for path in locks:
        text = path.read_text()
        assert "://" not in text, path
        assert not re.search(r"^litellm==(1\.82\.7|1\.82\.8|1\.107\.0)\b", text, re.MULTILINE), path
    for path in (ROOT / "benchmarks" / "locks").rglob("package-lock.json"):
        assert '"resolved"' not in path.read_text(), path


# Files and functions


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_no_file_grows_past_its_bound() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in PRODUCT}
    assert not {name: size for name, size in sizes.items() if size > MAX_FILE_LINES}


def test_functions_are_short() -> None:
    sizes = dict(item for path in PRODUCT for item in functions(path))
    assert not {name: size for name, size in sizes.items() if size > MAX_FUNCTION_LINES}
    assert statistics.quantiles(sizes.values(), n=10)[-1] < 40, "nine in ten stay under forty lines"


def test_each_module_opens_by_saying_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path in PRODUCT if not ast.get_docstring(ast.parse(path.read_bytes()))]
    assert not silent


def test_modules_are_named_for_what_they_hold() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base_utils"}
    assert not [str(path) for path in PRODUCT if vague & {part.lower() for part in (path.stem, path.parent.name)}]


# Documents


def prose(path: Path) -> str:
    """A document without its code blocks."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_in_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    local = [link.split("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    assert not [link for link in local if not (path.parent / link).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_in_documents_exist(path: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)(?:[A-Z_]+=\S+ )*make ([a-z][\w-]*)", path.read_text(), re.MULTILINE))
    assert named <= targets


def test_commands_in_documents_exist() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=True,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)},
    ).stdout
    commands = set(re.findall(r"^\W*([a-z][\w-]+)\b", shown, re.MULTILINE))
    named = {
        name: path.name
        for path in DOCUMENTS
        for name in re.findall(r"(?:^|`|\$ )headrace ([a-z][\w-]*)", path.read_text(), re.MULTILINE)
    }
    assert not {name: where for name, where in named.items() if name not in commands}


def test_the_readme_is_there() -> None:
    assert (ROOT / "README.md").exists()
    assert "Apache License" in (ROOT / "LICENSE").read_text()
