"""The source of the rooms as syntax trees, and finders for what the rules of the house speak of."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
MAY_IMPORT: Final[dict[str, set[str]]] = {
    "contract": set(),
    "lanes": set(),
    "ledger": {"contract"},
    "producer": {"contract", "lanes", "ledger"},
    "worker": {"contract", "lanes", "ledger"},
    "cli": {"contract", "lanes", "ledger", "producer", "worker"},
    "client": set(),
}
LINES_MAX: Final = 250
MODULES: Final = sorted(path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))
TREES: Final = {path: ast.parse(path.read_text("utf-8"), str(path)) for path in MODULES}
PACKAGE: Final = "keyledger"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def imported_rooms(path: Path, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The rooms a module names in its imports, with the line; a bare or unknown one is named as it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [full_name(path, node)]
            if names == [PACKAGE]:
                names = [f"{PACKAGE}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, _, rest = name.partition(".")
            if first == PACKAGE or first in MAY_IMPORT:
                yield rest.partition(".")[0] if first == PACKAGE else f"bare {first}", node.lineno


def full_name(path: Path, node: ast.ImportFrom) -> str:
    """What a from-import names, a relative one from the top."""
    if node.level == 0:
        return node.module or ""
    package = [PACKAGE, *path.relative_to(ROOT).parts[:-1]]
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *filter(None, [node.module])])


def places(matches: Callable[[ast.AST], bool], trees: dict[Path, ast.Module] = TREES) -> set[str]:
    """The modules in which some node matches."""
    return {name_of(path) for path, tree in trees.items() if any(matches(node) for node in ast.walk(tree))}


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of names, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def names_imported(node: ast.AST) -> set[str]:
    """`os.environ` for `from os import environ`."""
    if isinstance(node, ast.ImportFrom):
        return {f"{node.module}.{alias.name}" for alias in node.names}
    return set()


def reads_environment(node: ast.AST) -> bool:
    names = {dotted(node)} | names_imported(node)
    return bool(names & {"os.environ", "os.environb", "os.getenv", "os.putenv", "os.getenvb"})


def reads_clock(node: ast.AST) -> bool:
    of_time = r"time\.(time|time_ns|monotonic|monotonic_ns)"
    of_datetime = r"(datetime\.)*(datetime\.(now|utcnow|today)|date\.today)"
    clocks = f"({of_time}|{of_datetime})"
    return any(re.fullmatch(clocks, name) for name in {dotted(node)} | names_imported(node))


def instantiates_settings(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "Settings"


def commits(node: ast.AST) -> bool:
    """An SQL string that is or holds the statement, or a driver's `commit()`."""
    if isinstance(node, ast.Call):
        return dotted(node.func).endswith(".commit")
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return any(re.fullmatch(r"\s*(COMMIT|END)\s*", part, re.IGNORECASE) for part in node.value.split(";"))


def connects(node: ast.AST) -> bool:
    """A call that opens a connection or starts something."""
    called = dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
    return called.startswith(("connect", "start")) or called in {"Redis", "from_url", "ConnectionPool", "run"}


def at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """What runs when the module is imported: all but the bodies of functions."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)
