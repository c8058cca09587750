"""Python files beside a config: imported without touching `sys.path`, whatever they are called.

A user's `pipeline.py`, `random.py` or `data.py` must neither hide nor be hidden by a module of that
name elsewhere, nor by that of another config. So each folder's modules live below a package name of
their own, and import statements inside them look into the folder first, also when they run later.
"""

import builtins
import importlib
import importlib.util
import itertools
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_FOLDERS = itertools.count()


class UserFolder:
    """The modules of one folder, imported once per instance."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._package = f"_taskzip_config_{next(_FOLDERS)}"
        package = ModuleType(self._package)
        package.__path__ = [str(folder)]
        sys.modules[self._package] = package
        sys.meta_path.insert(0, _Finder(self))

    def module(self, name: str) -> ModuleType:
        """The module `name` (dotted): the folder's own, else an installed one."""
        return importlib.import_module(self.own_name(name))

    def own_name(self, name: str) -> str:
        """Under which name a module is imported: below this folder's package, if it lies there."""
        return f"{self._package}.{name}" if self.has(name.partition(".")[0]) else name

    def owns(self, full_name: str) -> bool:
        """Whether a full module name is below this folder's package."""
        return full_name.startswith(f"{self._package}.")

    def import_statement(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  # the signature of __import__
        locals: Mapping[str, Any] | None = None,  # noqa: A002  # the signature of __import__
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What `import` and `from … import` call inside the folder's modules (`__import__`)."""
        own = self.own_name(name) if level == 0 else name
        found = builtins.__import__(own, globals, locals, fromlist or (), level)
        if own == name or fromlist:
            return found
        return sys.modules[self.own_name(name.partition(".")[0])]

    def has(self, name: str) -> bool:
        """Whether a module or package of this name (without dots) lies in the folder."""
        inside = self.folder / name
        return inside.with_name(f"{name}.py").is_file() or any(inside.glob("*.py"))


class _Finder(MetaPathFinder):
    def __init__(self, owner: UserFolder) -> None:
        self._owner = owner

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if not self._owner.owns(fullname):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(self._owner, spec.loader)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, owner: UserFolder, loader: SourceFileLoader) -> None:
        super().__init__(loader.name, loader.path)
        self._owner = owner

    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew each time: no `__pycache__` is left in the user's folder."""
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        imports = {"__import__": self._owner.import_statement}
        module.__dict__["__builtins__"] = {**vars(builtins), **imports}
        super().exec_module(module)
