"""Load the Python files of a workspace from their stored texts: a run keeps the code it started on.

A *bundle* is a set of texts by their paths in the workspace. It is imported under a package named after its digest,
so that several versions live side by side in one process, and two loads of one version are one. Inside it, files find
each other as if the workspace were a folder of scripts: `from . import ubl`, `import ubl` (the same folder first, then
the workspace's top) and `from tools import ubl` are all of this bundle. Everything else is the interpreter's as ever.

Only what is asked for is executed, and what that imports. The names that Python sees are real paths: tracebacks and
`__file__` point into the workspace, whose text may have changed since. This is no sandbox.
"""

import builtins
import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType
from typing import Any, NoReturn, cast

from deputy.base.canonical import canonical, digest
from deputy.base.errors import ConfigError
from deputy.domain.declaration import declaration_of

__all__ = ["load_functions", "load_module"]

_PREFIX = "_deputy_"


def load_module(files: Mapping[str, str], path: str, root: Path) -> ModuleType:
    """The module at this path of a bundle, executed; `root` is the workspace's folder, which need not have the file.

    Raises ConfigError, with file and line, for whatever goes wrong in any of its files.
    """
    bundle = _bundle(files, root)
    name = bundle.names.get(path)
    if name is None:
        raise ConfigError(f"There is no {path!r} among the files of this version.", "Check the path.")
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as e:  # noqa: BLE001 - a module's code may raise anything
        bundle.explain(e, path)


def load_functions(files: Mapping[str, str], root: Path, folder: str = "tools") -> dict[str, Callable[..., object]]:
    """The functions marked `@deputy.tool` of every file directly in a folder of a bundle, by name.

    A function that a file only imports is not its own. Raises ConfigError, also if two files define one name.
    """
    found: dict[str, Callable[..., object]] = {}
    places: dict[str, str] = {}
    for path in sorted(p for p in files if str(PurePosixPath(p).parent) == folder and p.endswith(".py")):
        module = load_module(files, path, root)
        for value in list(vars(module).values()):
            if declaration_of(value) is None or getattr(value, "__module__", "") != module.__name__:
                continue
            name = str(getattr(value, "__name__", ""))
            if found.get(name, value) is not value:
                line = getattr(getattr(value, "__code__", None), "co_firstlineno", None)
                message = f"The tool {name!r} is also defined in {places[name]}."
                raise ConfigError(message, "Rename one.", file=path, line=line)
            found[name], places[name] = value, path
    return found


class _Bundle(importlib.abc.InspectLoader):
    """The modules of one bundle: which there are, and how each is made."""

    def __init__(self, package: str, files: Mapping[str, str], root: Path) -> None:
        self.package, self.root = package, root
        self.names: dict[str, str] = {}  # of modules, by path
        self._builtins = vars(builtins) | {"__import__": self._import}
        self._sources: dict[str, tuple[str, str]] = {}  # path and text, by the name of the module
        self._packages = {package: ""}  # folders, by the name of the package
        for path, text in files.items():
            if not path.endswith(".py"):
                continue
            *folders, last = PurePosixPath(path).parts
            for depth in range(len(folders) + 1):
                self._packages[self._name(folders[:depth])] = "/".join(folders[:depth])
            name = self._name(folders if last == "__init__.py" else [*folders, last.removesuffix(".py")])
            self.names[path] = name
            self._sources[name] = (path, text)

    def _name(self, parts: Sequence[str]) -> str:
        return ".".join([self.package, *(part.replace(".", "%2e") for part in parts)])

    def spec(self, fullname: str) -> importlib.machinery.ModuleSpec | None:
        """Where a module of this bundle comes from, if there is such a one."""
        folder = self._packages.get(fullname)
        if folder is None and fullname not in self._sources:
            return None
        path = self._sources.get(fullname, (folder or "", ""))[0]
        found = importlib.machinery.ModuleSpec(
            fullname, self, origin=str(self.root / path), is_package=folder is not None
        )  # a package without search locations: nobody is to look for its modules on the disk
        found.has_location = fullname in self._sources
        return found

    def is_package(self, fullname: str) -> bool:
        """Whether this is a folder."""
        return fullname in self._packages

    def get_source(self, fullname: str) -> str:
        """The text of a module, as it was stored."""
        return self._sources.get(fullname, ("", ""))[1]

    def get_code(self, fullname: str) -> CodeType:
        """A module's text, compiled under its real path."""
        path, text = self._sources.get(fullname, ("", ""))
        return compile(text, str(self.root / path), "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Run a module, with an `import` statement that looks into the bundle first."""
        vars(module)["__builtins__"] = self._builtins
        exec(self.get_code(module.__name__), vars(module))  # the one place where a workspace's code starts to run

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if level or name == self.package or name.startswith(self.package + "."):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        importer = str((globals or {}).get("__name__", ""))
        ours = self._ours(name.partition(".")[0], importer)
        if ours is None:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        whole = ".".join([ours, *name.split(".")[1:]])
        if fromlist:
            return builtins.__import__(whole, globals, locals, fromlist, 0)
        importlib.import_module(whole)
        return importlib.import_module(ours)

    def _ours(self, first: str, importer: str) -> str | None:
        """The module of this bundle that a name means to a file: one beside it, or one at the top of the workspace."""
        folder = importer if importer in self._packages else importer.rpartition(".")[0]
        for name in (f"{folder}.{first}", f"{self.package}.{first}"):
            if name != importer and (name in self._sources or name in self._packages):
                return name
        return None

    def explain(self, error: BaseException, path: str) -> NoReturn:
        """Raise what went wrong as a ConfigError at the line of the bundle where it did."""
        line: int | None = None
        files = {str(self.root / p): p for p in self.names}
        if isinstance(error, SyntaxError) and error.filename in files:
            path, line, what = files[error.filename], error.lineno, error.msg
        else:
            trace = error.__traceback__
            while trace is not None:
                if trace.tb_frame.f_code.co_filename in files:
                    path, line = files[trace.tb_frame.f_code.co_filename], trace.tb_lineno
                trace = trace.tb_next
            what = f"{type(error).__name__}: {error}"
        remedy = "Correct the file."
        if isinstance(error, ModuleNotFoundError) and error.name:
            missing = error.name.removeprefix(self.package + ".")
            ours = missing != error.name
            remedy = (
                "Correct the name, or add the file."
                if ours
                else f"Install {missing!r} beside Deputy, or correct the name."
            )
        text = f"It cannot be loaded: {what.replace(self.package + '.', '')[:500]}."
        raise ConfigError(text, remedy, file=path, line=line) from error


class _Finder(importlib.abc.MetaPathFinder):
    """What tells the interpreter of all bundles."""

    def __init__(self) -> None:
        self.bundles: dict[str, _Bundle] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A module of a bundle; a name of anybody else's is none."""
        bundle = self.bundles.get(fullname.partition(".")[0])
        return bundle.spec(fullname) if bundle else None


_finder = _Finder()


def _bundle(files: Mapping[str, str], root: Path) -> _Bundle:
    """The bundle of these files, known to the interpreter from now on."""
    if _finder not in sys.meta_path:
        sys.meta_path.append(cast("Any", _finder))
    package = _PREFIX + digest(canonical([str(root), dict(files)]))[:32]
    return _finder.bundles.setdefault(package, _Bundle(package, files, root))
