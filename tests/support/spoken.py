"""Collects from the source what a server says to people: every text that reaches a status response.

A text is followed backwards from where it is said: the argument of an error, of ``say``, of ``Completion``; through
parameters to the callers, through local names, constants, conditions and what functions return. Names are looked up by
themselves, in the same module first, so that two functions of one name may be taken for each other: too much is found
rather than too little. An f-string becomes a template with ``{}`` as holes, and what fills a hole is followed as well.
"""

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOLE = "{}"

Function = ast.FunctionDef | ast.AsyncFunctionDef

ROOTS = {
    "say": (1, "text"),
    "status_line": (2, "text"),
    "status_response": (1, "text"),
    "Completion": (1, "text"),
    "Overflow": (3, "text"),
}
"""Functions and classes whose argument is said to people: its position without ``self``, and its name."""
ERRORS = frozenset({"ImapError", "StoreError", "AuthError"})
"""Exceptions whose first argument is said to people; those derived from them are as well."""
_HOLES = re.compile(r"(?:\{\})+")
_SAME = frozenset({"str", "get"})
"""Calls whose value is their argument, or one of those that stand where they are looked up."""
_OWN = frozenset({"self", "cls"})
_NOWHERE = 99
"""The position of a parameter that is only known by its name."""


@dataclass
class Module:
    """One file's definitions, by name."""

    path: Path
    tree: ast.Module
    returned: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    """What functions return, by their names."""
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    constants: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    attributes: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    calls: list[ast.Call] = field(default_factory=list)
    _locals: dict[ast.AST, dict[str, list[ast.expr | ast.ExceptHandler]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
            if isinstance(node, ast.Call):
                self.calls.append(node)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                self.attributes[node.targets[0].attr].append(node.value)
            elif isinstance(node, Function):
                returns = (each.value for each in ast.walk(node) if isinstance(each, ast.Return))
                self.returned[node.name] += [value for value in returns if value is not None]
            elif isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
        for statement in self.tree.body:
            for name, value in _assigned(statement):
                self.constants[name].append(value)

    def local(self, function: Function, name: str) -> list[ast.expr | ast.ExceptHandler]:
        """What a name is given in a function: values, and ``except Kind as name``."""
        known = self._locals.get(function)
        if known is None:
            known = self._locals[function] = defaultdict(list)
            for node in ast.walk(function):
                for own, value in _assigned(node):
                    known[own].append(value)
                if isinstance(node, ast.ExceptHandler) and node.name:
                    known[node.name].append(node)
        return known.get(name, [])

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around one, inner ones first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def functions_around(self, node: ast.AST) -> Iterator[Function]:
        """The functions around a node, inner ones first."""
        return (each for each in self.around(node) if isinstance(each, Function))


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names that a statement gives a value, with the value."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _unpacked(target, node.value)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield from _unpacked(node.target, node.value)
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        for value in node.iter.elts if isinstance(node.iter, ast.Tuple | ast.List) else [node.iter]:
            yield from _unpacked(node.target, value)


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, its in zip(target.elts, value.elts, strict=True):
            yield from _unpacked(one, its)
    elif isinstance(target, ast.Tuple):
        for one in target.elts:
            yield from _unpacked(one, value)


def _name(node: ast.expr) -> str:
    """The last name of ``a.b.c``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _may_be_text(parameter: ast.arg) -> bool:
    """Whether a text can be handed over: ``str``, or whatever has no annotation."""
    return parameter.arg not in _OWN and (parameter.annotation is None or "str" in ast.unparse(parameter.annotation))


def parse(paths: Iterable[Path]) -> list[Module]:
    """The modules of these files."""
    return [Module(path, ast.parse(path.read_text("utf-8"))) for path in paths]


class Collector:
    """What is said to people in some modules.

    Attributes:
        texts: each text or template, with the place in the source where it stands.
    """

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = list(modules)
        self.texts: dict[str, str] = {}
        self._sinks: dict[str, set[tuple[int, str]]] = defaultdict(set)
        self._errors = set(ERRORS)
        self._known: dict[ast.expr, list[str]] = {}
        self._grown = True
        self._within = 0
        """So many functions are gone into for what they return; there, parameters are not followed to callers."""
        self._returning: dict[str, list[Module]] = defaultdict(list)
        self._holding: dict[str, Module] = {}
        for module in self.modules:
            for name in module.returned:
                self._returning[name].append(module)
            for name in module.constants:
                self._holding.setdefault(name, module)
        for name, sink in ROOTS.items():
            self._sinks[name].add(sink)
        while self._grown:
            self._grown = False
            self._known.clear()
            self._round()

    def _round(self) -> None:
        for module in self.modules:
            for name, definition in module.classes.items():
                if name not in self._errors and any(_name(base) in self._errors for base in definition.bases):
                    self._errors.add(name)
                    self._grown = True
            for call in module.calls:
                self._call(module, call)

    def _call(self, module: Module, call: ast.Call) -> None:
        for position, keyword in sorted(self._said_arguments(module, call)):
            argument = next((each.value for each in call.keywords if each.arg == keyword), None)
            if argument is None and len(call.args) > position:
                argument = call.args[position]
            if argument is not None:
                self._keep_all(module, argument)

    def _said_arguments(self, module: Module, call: ast.Call) -> set[tuple[int, str]]:
        name = _name(call.func)
        if name == "__init__":
            around = next((each for each in module.around(call) if isinstance(each, ast.ClassDef)), None)
            return {(0, "text")} if around is not None and around.name in self._errors else set()
        if name in self._errors and not self._own_init(name):
            return self._sinks[name] | {(0, "text")}
        return self._sinks.get(name, set())

    def _own_init(self, name: str) -> bool:
        """Whether a class decides itself what its arguments are."""
        return any(
            isinstance(each, Function) and each.name == "__init__" and name not in ERRORS
            for module in self.modules
            if name in module.classes
            for each in module.classes[name].body
        )

    def _keep_all(self, module: Module, node: ast.expr) -> None:
        for text in self._texts(module, node):
            self._keep(module, node, text)

    def _keep(self, module: Module, node: ast.expr, text: str) -> None:
        """Note a text of several words: a single one belongs to the protocol."""
        template = _HOLES.sub(HOLE, text)
        if " " in template and any(character.islower() for character in template):
            self.texts.setdefault(template, f"{module.path}:{node.lineno}")

    # --- from an expression to its texts ------------------------------------------------------------------------
    def _texts(self, module: Module, node: ast.expr) -> list[str]:
        """The texts that an expression can be; nothing where that is not known."""
        if node not in self._known:
            self._known[node] = []  # where an expression leads back to itself
            self._known[node] = self._found(module, node)
        return self._known[node]

    def _found(self, module: Module, node: ast.expr) -> list[str]:
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                return ["".join(self._part(module, part) for part in parts)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                pairs = itertools.product(self._texts(module, left) or [HOLE], self._texts(module, right) or [HOLE])
                return [one + other for one, other in pairs]
            case ast.Name():
                return self._named(module, node)
            case ast.Call():
                return self._returned(module, node)
            case _:
                return [text for each in self._alternatives(module, node) for text in self._texts(module, each)]

    def _alternatives(self, module: Module, node: ast.expr) -> Sequence[ast.expr]:
        """Expressions of which the value of another one is one, or is made."""
        match node:
            case ast.IfExp(body=body, orelse=other):
                return (body, other)
            case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values) | ast.Dict(values=values):
                return values
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return module.attributes[name]
            case ast.Attribute(value=value, attr="text" | "args"):
                return (value,)
            case ast.Subscript(value=value) | ast.Await(value=value) | ast.NamedExpr(value=value):
                return (value,)
            case _:
                return ()

    def _part(self, module: Module, part: ast.expr) -> str:
        if isinstance(part, ast.FormattedValue):
            self._keep_all(module, part.value)
            return HOLE
        assert isinstance(part, ast.Constant)
        return str(part.value)

    def _named(self, module: Module, node: ast.Name) -> list[str]:
        for function in module.functions_around(node):
            self._parameter(module, function, node.id)
            if found := module.local(function, node.id):
                return [text for value in found for text in self._value(module, value)]
        place = module if node.id in module.constants else self._holding.get(node.id, module)
        return [text for value in place.constants.get(node.id, ()) for text in self._texts(place, value)]

    def _value(self, module: Module, value: ast.expr | ast.ExceptHandler) -> list[str]:
        """What a name was given; what a caught exception says is said to people as well."""
        if isinstance(value, ast.expr):
            return self._texts(module, value)
        kinds = value.type.elts if isinstance(value.type, ast.Tuple) else [value.type] if value.type else []
        for kind in map(_name, kinds):
            if kind not in self._errors and any(kind in each.classes for each in self.modules):
                self._errors.add(kind)
                self._grown = True
        return []

    def _parameter(self, module: Module, function: Function, name: str) -> None:
        """A parameter: what callers hand over is said to people, and so is its default."""
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        if self._within or not any(each.arg == name and _may_be_text(each) for each in every):
            return
        positional = [each.arg for each in every[: len(every) - len(arguments.kwonlyargs)]]
        keyword = [each.arg for each in arguments.kwonlyargs]
        default = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
        default |= {each: value for each, value in zip(keyword, arguments.kw_defaults, strict=True) if value}
        if name in default:
            self._keep_all(module, default[name])
        around = module.parents[function]
        called = around.name if function.name == "__init__" and isinstance(around, ast.ClassDef) else function.name
        position = positional.index(name) - (positional[0] in _OWN) if name in positional else _NOWHERE
        if (position, name) not in self._sinks[called]:
            self._sinks[called].add((position, name))
            self._grown = True

    def _returned(self, module: Module, call: ast.Call) -> list[str]:
        name, arguments = _name(call.func), list(call.args)
        if name in self._errors:
            return []
        if name == "join":
            for each in arguments:
                self._keep_all(module, each)
            return []
        if name in _SAME:
            looked_up = [call.func.value, *arguments[1:]] if isinstance(call.func, ast.Attribute) else arguments
            return [text for each in looked_up for text in self._texts(module, each)]
        places = [module] if name in module.returned else self._returning.get(name, [])
        self._within += 1
        found = [text for place in places for value in place.returned[name] for text in self._texts(place, value)]
        self._within -= 1
        return found
