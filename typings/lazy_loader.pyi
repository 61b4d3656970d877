"""lazy_loader has no annotations, and what pyright makes of its code may be `None`; its documentation says this."""

from collections.abc import Callable
from types import ModuleType

def load(
    fullname: str,
    *,
    require: str | None = None,
    error_on_import: bool = False,
    suppress_warning: bool = False,
) -> ModuleType: ...
def attach_stub(
    package_name: str, filename: str
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]: ...
