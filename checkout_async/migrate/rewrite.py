"""Rewrites the source of a program: names, calls, objects that are filled by assignment, and the client."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar, Final

import libcst as cst
from libcst import matchers as m
from libcst.metadata import BaseMetadataProvider, CodeRange, MetadataWrapper, ParentNodeProvider, PositionProvider

from checkout_async import models
from checkout_async.migrate import client, imports, objects
from checkout_async.migrate.names import CALLS, ERRORS, MODULES, SCOPES, TEXTS, Target

_APIS: Final = ("payments", "sessions")

Left = tuple[int, str]


def rewrite(source: str) -> tuple[str, list[Left]]:
    """Return the new source of a program, and what is left to do, each with its line in the old source.

    Raises libcst.ParserSyntaxError if the source is not Python.
    """
    wrapper = MetadataWrapper(cst.parse_module(source))
    rewriter = _Rewriter(wrapper.module)
    module = wrapper.visit(rewriter)
    return module.code, sorted(set(rewriter.left))


class _Rewriter(cst.CSTTransformer):
    """Replaces what is mechanical in one module."""

    METADATA_DEPENDENCIES: ClassVar[Collection[type[BaseMetadataProvider[object]]]] = (
        PositionProvider,
        ParentNodeProvider,
    )

    def __init__(self, module: cst.Module) -> None:
        super().__init__()
        self.left: list[Left] = []
        self._names = imports.imported(module)
        self._apis = client.apis(module, client.clients(module, self._names))
        self._needed: set[str] = set()
        self._replaced: set[str] = set()
        self._handled: list[str] = []
        self._functions: list[cst.FunctionDef] = []
        self._inside_name = 0

    def _note(self, node: cst.CSTNode, text: str) -> None:
        position = self.get_metadata(PositionProvider, node)
        assert isinstance(position, CodeRange)
        self.left.append((position.start.line, text))

    # Names

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        """Leave imports alone: they are written anew at the end."""
        self._note_modules(node)
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        """Leave imports of modules alone."""
        self._note_modules(node)
        return False

    def _note_modules(self, node: cst.Import | cst.ImportFrom) -> None:
        if imports.hides_names(node):
            self._note(node, "names of this module are left as they are: import each of them by its own name")

    def visit_Attribute_attr(self, node: cst.Attribute) -> None:
        """Skip the name of an attribute: it is not a variable."""
        self._inside_name += 1

    def leave_Attribute_attr(self, node: cst.Attribute) -> None:
        """End the name of an attribute."""
        self._inside_name -= 1

    def visit_Arg_keyword(self, node: cst.Arg) -> None:
        """Skip the name of a keyword argument: it is not a variable."""
        self._inside_name += 1

    def leave_Arg_keyword(self, node: cst.Arg) -> None:
        """End the name of a keyword argument."""
        self._inside_name -= 1

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        """Replace a class or error of checkout-sdk."""
        found = None if self._inside_name else self._names.get(original_node.value)
        if found is None:
            return updated_node
        module, name = found
        if module in MODULES:
            api, names = MODULES[module]
            ours = names.get(name)
            if ours is not None:
                return self._replace(original_node.value, api, ours)
            if name not in TEXTS:
                self._note(original_node, f"{name} has no counterpart; see docs/migrating.md")
            elif not isinstance(self.get_metadata(ParentNodeProvider, original_node), cst.Attribute):
                self._note(original_node, f"{name} is a text here: use its value")
        elif name in ERRORS:
            return self._replace(original_node.value, "errors", ERRORS[name])
        return updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        """Replace a member of an enum, and what an error is asked for."""
        value, attribute = original_node.value, original_node.attr.value
        if attribute in {"value", "name"} and isinstance(updated_node.value, cst.SimpleString) and _is_name(value):
            return updated_node.value  # of the member of an enum, which is a text here
        if attribute in CALLS and self._is_passed_on(original_node):
            self._note(original_node, f"await what a call of {CALLS[attribute].name} returns, wherever that is")
            return updated_node.with_changes(attr=cst.Name(CALLS[attribute].name))
        if m.matches(value, m.Name()) and self._names.get(getattr(value, "value", "")):
            return self._enum_member(original_node, updated_node)
        if isinstance(value, cst.Name) and value.value in self._handled and attribute == "error_details":
            return updated_node.with_changes(attr=cst.Name("error_codes"))
        status = m.Attribute(m.Attribute(m.Name(), m.Name("http_metadata")), m.Name("status_code"))
        if m.matches(original_node, status):
            holder = cst.ensure_type(cst.ensure_type(updated_node.value, cst.Attribute).value, cst.Name)
            if holder.value in self._handled:
                return cst.Attribute(holder, cst.Name("status"))
            self._note(original_node, "the status of a reply is that of checkout.send(...); see docs/migrating.md")
        return updated_node

    def _is_passed_on(self, method: cst.Attribute) -> bool:
        """Whether a method of an API is not called here: an executor, for instance, would start it and not await it."""
        parent = self.get_metadata(ParentNodeProvider, method)
        is_called = isinstance(parent, cst.Call) and parent.func is method
        return not is_called and cst.Module([]).code_for_node(method.value) in self._apis

    def _enum_member(self, original: cst.Attribute, updated: cst.Attribute) -> cst.BaseExpression:
        local, member = cst.ensure_type(original.value, cst.Name).value, original.attr.value
        module, name = self._names[local]
        if name in TEXTS:
            self._replaced.add(local)
            return cst.SimpleString(f'"{member}"')
        if name == "OAuthScopes":
            if member in SCOPES:
                self._replaced.add(local)
                return cst.SimpleString(f'"{SCOPES[member]}"')
            self._note(original, f"the scope {member} is of another API")
        elif module in MODULES:
            api, names = MODULES[module]
            enum = getattr(getattr(models, api), names.get(name) or "", None)
            if enum is not None and not hasattr(enum, member):
                self._note(original, f"{enum.__name__} has no member {member}; pass its value as a text")
        return updated

    def _replace(self, local: str, module: str, name: str) -> cst.Attribute:
        self._needed.add(module)
        self._replaced.add(local)
        return cst.Attribute(cst.Name(module), cst.Name(name))

    # Calls

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        """Enter a function."""
        self._functions.append(node)

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        """Leave a function."""
        self._functions.pop()
        return updated_node

    def visit_ExceptHandler(self, node: cst.ExceptHandler) -> None:
        """Note the name of an error that is handled."""
        if node.name is not None and isinstance(node.name.name, cst.Name):
            self._handled.append(node.name.name.value)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Replace a call of the API, and the call that builds a client."""
        built = client.build(updated_node)
        if built is not None:
            self._needed |= built.needed
            self._replaced |= {local for local, (_, name) in self._names.items() if name in client.REPLACED}
            for text in built.left:
                self._note(original_node, text)
            return built.expression
        function = original_node.func
        if not isinstance(function, cst.Attribute):
            return updated_node
        method = function.attr.value
        if cst.Module([]).code_for_node(function.value) not in self._apis:
            if method in CALLS and _may_be_api(function.value):
                self._note(original_node, f"{method} is left as it is: it is not known whether it is of checkout-sdk")
            return updated_node
        if method == "get_payments_list":
            self._note(original_node, "get_payments_list(query) is list_payments(reference=...) or iterate_payments")
        target = CALLS.get(method)
        return updated_node if target is None else self._call(original_node, updated_node, target)

    def _call(self, original: cst.Call, updated: cst.Call, target: Target) -> cst.BaseExpression:
        function = cst.ensure_type(updated.func, cst.Attribute).with_changes(attr=cst.Name(target.name))
        call = updated.with_changes(func=function, args=_arguments(updated.args, target))
        if self._is_in_lambda(original):
            self._note(original, f"a lambda cannot await {target.name}: make it an async function")
            return call
        if not self._functions:
            self._note(original, f"await {target.name} inside an async function")
        elif self._functions[-1].asynchronous is None:
            self._note(original, f"make the function {self._functions[-1].name.value} async, and await its callers")
        parent = self.get_metadata(ParentNodeProvider, original)
        inside = isinstance(parent, cst.Attribute | cst.Call | cst.Subscript)
        return cst.Await(call, lpar=[cst.LeftParen()], rpar=[cst.RightParen()]) if inside else cst.Await(call)

    def _is_in_lambda(self, node: cst.CSTNode) -> bool:
        while not isinstance(node, cst.Module | cst.FunctionDef | cst.Lambda):
            parent = self.get_metadata(ParentNodeProvider, node)
            assert isinstance(parent, cst.CSTNode)
            node = parent
        return isinstance(node, cst.Lambda)

    # Objects

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        """Make objects in one call."""
        return updated_node.with_changes(body=self._objects(original_node.body, updated_node.body))

    def _objects(
        self, original: Sequence[cst.BaseStatement], updated: Sequence[cst.BaseStatement]
    ) -> list[cst.BaseStatement]:
        kinds = {
            local: (MODULES[module][0], ours)
            for local, (module, name) in self._names.items()
            if module in MODULES and (ours := MODULES[module][1].get(name)) is not None
        }
        return objects.gather(original, updated, kinds, self._note)

    # The module

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        """Make objects in one call, and write the imports anew."""
        body = self._objects(original_node.body, updated_node.body)
        replaced = [imports.is_replaced(each, self._replaced, body) for each in body]
        kept = [statement for statement, is_replaced in zip(body, replaced, strict=True) if not is_replaced]
        first = replaced.index(True) if True in replaced else 0
        added = [cst.parse_statement(line) for line in self._imports()]
        if added and body and replaced[first]:
            added[0] = added[0].with_changes(leading_lines=getattr(body[first], "leading_lines", []))
        return updated_node.with_changes(body=[*kept[:first], *added, *kept[first:]])

    def _imports(self) -> list[str]:
        apis = sorted(self._needed & set(_APIS))
        others = sorted(self._needed - set(_APIS))
        lines = [f"from checkout_async import {', '.join(others)}"] if others else []
        return [*lines, *([f"from checkout_async.models import {', '.join(apis)}"] if apis else [])]


def _is_name(value: cst.BaseExpression) -> bool:
    """Whether an expression is a member of something that has a name, such as `Currency.GBP`."""
    return m.matches(value, m.Attribute(m.Name()))


def _may_be_api(receiver: cst.BaseExpression) -> bool:
    """Whether a call may be one of the APIs here: of `x.payments`, or of a variable that is named after one."""
    if isinstance(receiver, cst.Attribute):
        return receiver.attr.value in _APIS
    return isinstance(receiver, cst.Name) and any(api in receiver.value for api in _APIS)


def _arguments(given: Sequence[cst.Arg], target: Target) -> list[cst.Arg]:
    """Return the arguments of a call as this package takes them."""
    arguments: list[cst.Arg] = []
    for number, argument in enumerate(given):
        keyword = None if argument.keyword is None else argument.keyword.value
        if keyword is None and number >= target.positional and target.keyword:
            keyword = target.keyword
        elif keyword is not None and (keyword.endswith("_request") or keyword == "channel_data"):
            keyword = "body"
        if keyword is None:
            arguments.append(argument)
        else:
            equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
            arguments.append(argument.with_changes(keyword=cst.Name(keyword), equal=equal))
    return arguments
