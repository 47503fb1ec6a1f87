"""Members that the specification renamed (`x-former-name`). Their old names work for one release, with a warning.

Only a class that has such a member pays for it. Its metaclass takes the old names as arguments, and its properties read
and set them. A mapping with an old name fails the check of its type, and is then checked once more with the new name.
Of a reply, either name is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from msgspec import Struct, StructMeta
from msgspec.structs import force_setattr

from checkout_async._core.deprecation import warn_deprecated
from checkout_async.redaction import clears_frames

__all__ = ["FormerNames", "read_former", "use_present_names"]


class FormerNames(StructMeta):
    """The metaclass of a class with renamed members. It takes their old names as arguments.

    msgspec makes what it decodes and copies without this call.
    """

    __former_names__: ClassVar[Mapping[str, str]] = {}
    __former_keys__: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:  # a checker would take every argument for one that exists

        @clears_frames
        def __call__(self, *arguments: Any, **members: Any) -> Any:
            for former, name in self.__former_names__.items():
                if former in members and name not in members:
                    _warn(self, former, name)
                    members[name] = members.pop(former)
            return super().__call__(*arguments, **members)


def use_present_names(type_: type[Struct], members: dict[str, object]) -> None:
    """Replace the old names in a mapping that is meant as a type, in place. One beside its new one stays."""
    if not isinstance(type_, FormerNames):
        return
    config = type_.__struct_config__
    if config.tag_field is not None and members.get(config.tag_field) != config.tag:
        return  # another variant of a union
    for former, name in cast("FormerNames", type_).__former_keys__.items():
        if former in members and name not in members:
            _warn(type_, former, name)
            members[name] = members.pop(former)


def read_former(reply: Struct, name: str) -> None:
    """Give a renamed member of a reply the value that came under its old name, if the reply has no other."""
    former = f"_former_{name}"
    value: object = getattr(reply, former)
    if value is not None:
        force_setattr(reply, former, None)
        if cast("object", getattr(reply, name)) is None:
            force_setattr(reply, name, value)


def _warn(type_: type, former: str, name: str) -> None:
    name = name.removeprefix("_")  # the field of a deprecated member has an underscore
    warn_deprecated(f"{type_.__name__}.{former} is called `{name}` now. The old name goes with the next release.")
