"""The house rules that import-linter and ruff cannot state, as functions from a parsed file to findings.

Each returns lines of the form `path:line: what is wrong`; an empty list means that the file keeps the rule.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch

from tests.architecture.source_tree import Function, SourceFile

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400
MAX_PARAMETERS = 6
MAX_ENDPOINT_PARAMETERS = 8  # an endpoint's query parameters are its signature

# Who alone may import what: a heavy library is known to as few files as it can be.
IMPORT_HOMES: Mapping[str, tuple[str, ...]] = {
    "ai_edge_litert": ("cloud/litert.py", "edge_agent/tflite.py", "models/*"),
    "aiokafka": ("cloud/kafka_stream.py", "industrialguard/bench/ingest/kafka_bare.py"),
    "aiomqtt": ("industrialguard/bench/ingest/clients.py",),
    "alembic": ("cloud/store/*", "cloud/migrations/*"),
    "bsdiff4": ("ota/delta.py",),
    "securesystemslib": ("industrialguard/bench/ota/*", "ota/*"),
    "tuf": ("industrialguard/bench/ota/*", "ota/*"),
    "amqtt": ("simulators/broker.py",),
    "argon2": ("cloud/access/passwords.py",),
    "apache_beam": ("models/stages/*",),
    "cryptography": ("cloud/pki/*", "edge_agent/credentials.py", "ota/keys.py"),
    "contract.proto": ("contract/codec.py", "contract/alarm_codec.py"),
    "jwt": ("cloud/access/tokens.py",),
    "keras": ("models/*",),
    "matplotlib": ("models/*",),
    "ml_metadata": ("models/stages/lineage.py",),
    "opentelemetry": ("cloud/tracing.py",),
    "prometheus_client": ("cloud/metrics.py",),
    "pyarrow": ("cloud/lake.py", "cloud/snapshot_file.py", "models/parquet.py"),
    "pyarrow_hotfix": ("cloud/lake.py", "cloud/snapshot_file.py", "models/parquet.py"),
    "paho": ("edge_agent/mqtt.py", "cloud/mqtt.py", "industrialguard/bench/ingest/clients.py"),
    "psutil": ("industrialguard/*", "simulators/*"),
    "psycopg": ("industrialguard/bench/ingest/*", "tools/*"),
    "rich": ("simulators/*",),
    "sqlalchemy": ("cloud/store/*", "cloud/migrations/*"),
    "sqlmodel": ("cloud/store/*", "cloud/migrations/*"),
    "tensorflow": ("models/*",),
    "tensorflow_data_validation": ("models/stages/drift.py",),
    "tensorflow_metadata": ("models/stages/*",),
    "tensorflow_model_analysis": ("models/stages/*",),
    "tensorflow_transform": ("models/stages/*",),
    "tf_keras": ("models/*",),
    "tflite_runtime": ("edge_agent/tflite.py", "models/*"),
    "urllib3": ("ota/web.py",),
    "tfx": ("models/pipeline.py", "models/stages/*"),
}

CONTRACT_MAY_IMPORT = ("contract", "numpy", "google.protobuf")

# Broad excepts that are right: the one place per process that must outlive whatever its work throws.
# Key: `path:qualified function`; value: why it must go on.
SUPERVISORS: Mapping[str, str] = {
    "edge_agent/supervised.py:_supervise": "a defect in uplink or updates must not stop the machine's watch",
}


def find_strangers(source: SourceFile) -> list[str]:
    """Heavy libraries imported outside their homes."""
    return [
        f"{source.path}:{line}: imports {name}; only {' and '.join(homes)} may"
        for line, name in source.imports()
        for library, homes in IMPORT_HOMES.items()
        if is_within(name, library) and not any(fnmatch(source.path, home) for home in homes)
    ]


def find_contract_imports(source: SourceFile) -> list[str]:
    """Imports of the contract beyond the standard library, NumPy and protobuf."""
    return [
        f"{source.path}:{line}: imports {name}; the contract may not"
        for line, name in source.imports()
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(is_within(name, allowed) for allowed in CONTRACT_MAY_IMPORT)
    ]


def find_long_functions(source: SourceFile) -> list[str]:
    """Functions over the limit, from `def` to the last line, docstring included."""
    findings = []
    for name, node, _ in source.functions():
        n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if n_lines > MAX_FUNCTION_LINES:
            findings.append(f"{source.path}:{node.lineno}: {name} has {n_lines} lines")
    return findings


def find_wide_functions(source: SourceFile) -> list[str]:
    """Functions with too many parameters; `self` and `cls` do not count."""
    limit = MAX_ENDPOINT_PARAMETERS if source.path.startswith("cloud/api/") else MAX_PARAMETERS
    findings = []
    for name, node, is_method in source.functions():
        n_parameters = count_parameters(node, is_method=is_method)
        if n_parameters > limit:
            findings.append(f"{source.path}:{node.lineno}: {name} takes {n_parameters} parameters")
    return findings


def find_long_file(source: SourceFile) -> list[str]:
    """The file itself, when it is over the limit."""
    if source.n_lines <= MAX_FILE_LINES:
        return []
    return [f"{source.path}:1: has {source.n_lines} lines"]


def find_swallowing(source: SourceFile, supervisors: Mapping[str, str] = SUPERVISORS) -> list[str]:
    """Bare and broad excepts that do not end by raising, outside the named supervisors."""
    findings = [
        f"{source.path}:{handler.lineno}: {name} catches everything and goes on"
        for name, node, _ in source.functions()
        if f"{source.path}:{name}" not in supervisors
        for handler in own_handlers(node)
        if is_broad(handler) and not isinstance(handler.body[-1], ast.Raise)
    ]
    findings += [
        f"{source.path}:{handler.lineno}: the module catches everything and goes on"
        for handler in own_handlers(source.tree)
        if is_broad(handler) and not isinstance(handler.body[-1], ast.Raise)
    ]
    return findings


def find_undocumented(source: SourceFile) -> list[str]:
    """Public modules, classes and functions without a docstring."""
    findings = [] if ast.get_docstring(source.tree) else [f"{source.path}:1: the module has no docstring"]
    findings += [
        f"{source.path}:{node.lineno}: {name} has no docstring"
        for name, node in public_names(source.tree, "")
    ]
    return findings


def is_within(name: str, package: str) -> bool:
    """Whether a dotted name is a package or something below it."""
    return name == package or name.startswith(f"{package}.")


def count_parameters(node: Function, *, is_method: bool) -> int:
    """Count the parameters that a caller may fill, without `self` and `cls`."""
    arguments = node.args
    n_parameters = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
    n_parameters += (arguments.vararg is not None) + (arguments.kwarg is not None)
    is_static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in node.decorator_list)
    return n_parameters - (is_method and not is_static)


def own_handlers(node: ast.AST) -> Iterator[ast.ExceptHandler]:
    """Yield the except clauses of a function or module, not those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.ExceptHandler):
            yield child
        yield from own_handlers(child)


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether an except clause is bare or names Exception or BaseException, alone or in a tuple."""
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"} for kind in kinds)


def public_names(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """Yield the undocumented public classes, functions and methods below a module or class."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if child.name.startswith("_") or is_exempt(child):
            continue
        if ast.get_docstring(child) is None:
            yield prefix + child.name, child
        if isinstance(child, ast.ClassDef):
            yield from public_names(child, f"{prefix}{child.name}.")


def is_exempt(node: ast.ClassDef | Function) -> bool:
    """Whether its decorator puts the documentation elsewhere: overloads, overrides, property setters."""
    names = {
        mark.attr if isinstance(mark, ast.Attribute) else getattr(mark, "id", "")
        for mark in node.decorator_list
    }
    return bool(names & {"overload", "override", "setter"})
