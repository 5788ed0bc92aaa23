"""The modules that a rule declares as inputs are those that its script imports: content decides what reruns."""

import ast
import inspect
import json
from pathlib import Path

import pytest

from lacuna.config.load import load
from lacuna.language.attacks import METHODS, OWN_METHOD
from lacuna.language.declared import Declaration, path_of, resolve
from lacuna.language.models import ARCHITECTURES, OWN, PACKAGED, parse_model
from lacuna.plan.modules import MODEL_NAMES
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Stage
from lacuna.plan.stages import STAGES
from lacuna.reporting.plots import plots

pytestmark = pytest.mark.workflow

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/lacuna"
CONFIGURATION = {
    "config/load",
    "config/schema",
    "config/budgets",
    "config/datasets",
    "config/parts",
    "config/figures",
    "config/fits",
    "config/needs",
    "config/notes",
    "config/radii",
    "config/scales",
    "config/shared",
    "config/tables",
    "config/uses",
    "config/violations",
    "config/yaml_files",
    "data/classes",
    "data/own_paths",
    "language/exhibits",
    "language/notes",
    "language/roles",
    "plan/plan",
}  # what they decide is settings
DECLARATIONS = ["reporting/plots"]  # rooms whose modules decide settings too
INFRASTRUCTURE = CONFIGURATION | {
    "jobs/failures",
    "jobs/gpus",
    "jobs/interrupts",
    "jobs/kept",
    "jobs/requeue",
    "jobs/slots",
    "files/processes",
    "files/slurm",
    "files/artefacts",
    "files/copies",
    "files/machine",
    "files/named",
    "files/publications",
    "files/records",
    "files/contents",
    "files/origins",
    "files/digests",
    "files/escapes",
    "errors",
    "jobs/job",
    "files/owner",
    "jobs/progress",
    "files/tensorfile",
    "foreign/answers",
    "foreign/calls",
    "foreign/metrics",
    "foreign/parts",
    "foreign/plots",
    "foreign/states",
    "foreign/words",
}  # decide no number


def declared() -> dict[str, list[str]]:
    """The modules that each stage names itself: those of methods and architectures are parts of their own."""
    return {name: list(stage.modules) for name, stage in STAGES.items()}


class Imports(ast.NodeVisitor):
    """Modules of the package that a file imports when it runs, as paths below src/lacuna without ending."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in ast.dump(node.test):
            for other in node.orelse:
                self.visit(other)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports in this package are absolute"
        self.add(node.module or "")
        for alias in node.names:
            self.add(f"{node.module}.{alias.name}")

    def visit_Call(self, node: ast.Call) -> None:
        """``import_module(f"lacuna.<room>.{name}")`` may import every module of the room."""
        self.generic_visit(node)
        for part in (constant for text in node.args if isinstance(text, ast.JoinedStr) for constant in text.values[:1]):
            if getattr(node.func, "id", "") == "import_module" and isinstance(part, ast.Constant):
                room = str(part.value).removesuffix(".")
                for path in (PACKAGE.parent / room.replace(".", "/")).glob("*.py"):
                    self.add(f"{room}.{path.stem}")

    def add(self, dotted: str) -> None:
        parts = dotted.split(".")
        for end in range(2, len(parts) + 1) if parts[0] == "lacuna" else ():
            name = "/".join(parts[1:end])
            if (PACKAGE / name / "__init__.py").exists():
                self.found.add(f"{name}/__init__")
            elif (PACKAGE / f"{name}.py").exists():
                self.found.add(name)


def imports(path: Path) -> set[str]:
    visitor = Imports()
    visitor.visit(ast.parse(path.read_text()))
    return visitor.found


def reached(script: Path) -> set[str]:
    """All modules of the package that a script imports, directly or through others."""
    return closure(imports(script))


def closure(names: set[str]) -> set[str]:
    """These modules and all that they import, directly or through others."""
    found, new = set(), names
    while new:
        found |= new
        new = set().union(*(imports(PACKAGE / f"{name}.py") for name in new)) - found
    return found


def deciding(names: set[str]) -> set[str]:
    """Those of some modules that decide a number."""
    return {name for name in names - INFRASTRUCTURE if not says_nothing(name) and not covered(name, DECLARATIONS)}


def says_nothing(name: str) -> bool:
    """Whether a module is no more than its docstring."""
    return all(isinstance(node, ast.Expr) for node in ast.parse((PACKAGE / f"{name}.py").read_text()).body)


def covered(name: str, modules: list[str]) -> bool:
    """Whether a module, or a package that it is in, is declared."""
    return any(name == module or name.startswith(f"{module}/") for module in modules)


def test_each_script_that_makes_something_has_its_modules_declared() -> None:
    scripts = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
    beside = {"audit", "code", "collected", "crate", "exports", "metrics", "planned", "publish"}  # of no stage
    assert scripts == declared().keys() | beside


@pytest.mark.parametrize("stage", [*declared(), "publish"])
def test_each_module_that_a_stage_imports_is_declared(stage: str) -> None:
    names = reached(ROOT / f"workflow/scripts/{stage}.py")
    assert names >= {"jobs/job", "jobs/progress", "errors"}
    drawn = {module for plot in plots().values() for method in plot.methods for module in METHODS[method].modules}
    labelling = {module for package in PACKAGED.values() for module in package.modules} | {*MODEL_NAMES}
    # A plot names the methods whose modules its drawing imports, a dataset the network that labels it.
    elsewhere = {"figure": drawn, "dataset": labelling}.get(stage, set())
    assert not {name for name in deciding(names) - elsewhere if not covered(name, declared().get(stage, []))}


@pytest.mark.parametrize("stage", declared())
def test_each_declared_module_exists_and_is_imported(stage: str) -> None:
    names = reached(ROOT / f"workflow/scripts/{stage}.py")
    assert not {module for module in declared()[stage] if not any(covered(name, [module]) for name in names)}


def test_the_modules_left_out_are_stated_in_the_rules_and_exist() -> None:
    assert all((PACKAGE / f"{name}.py").exists() for name in INFRASTRUCTURE)
    assert not INFRASTRUCTURE & {module for modules in declared().values() for module in modules}


@pytest.mark.parametrize("plot", plots())
def test_each_plot_names_the_methods_whose_modules_its_drawing_imports(plot: str) -> None:
    room = "reporting/drawing/__init__"  # which imports whatever drawing is asked for
    names = imports(PACKAGE / f"reporting/drawing/{plot}.py") - {room}
    names |= closure({name for name in names if name.startswith("attacks/")})
    functions = {name: path_of(method.function.partition(":")[0]) for name, method in METHODS.items()}
    assert set(plots()[plot].methods) == {name for name, module in functions.items() if module in names}


# What a job is decided by besides its stage's own modules, by the module that imports it as a declaration says.
PARTS = {
    "attacks/core/run": "method-",
    "training/adversarial": "method-",
    "models/build": "architecture-",
    "models/packaged": "architecture-",
}


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_each_job_names_the_methods_and_architectures_of_its_networks(root: Path, scale: str) -> None:
    chosen = {"scale": scale, "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
    plan = Plan(load(root, chosen))
    met: set[str] = set()
    for artefact in plan.inventory.artefacts():
        settings = json.loads(artefact.settings)
        named = plan.stages[artefact.stage].code(**artefact.wildcards)
        assert named[0] == artefact.stage
        assert len(set(named)) == len(named)
        assert set(named) <= plan.code.keys()
        built = [settings, settings.get("network"), *settings.get("networks", [])]
        members = [one for network in built if network for one in network.get("members", [network]) if "model" in one]
        specs = [parse_model(one["model"]) for one in members]
        wanted = {f"architecture-{spec.arch}" for spec in specs if spec.training != OWN}
        attack = settings if artefact.stage == "attack" else settings.get("training", {}).get("attack", {})
        wanted |= {f"method-{attack['method']}"} if attack else set()
        if artefact.stage in ("train", "select", "attack", "evaluate", "gradient"):
            assert set(named[1:]) == wanted, artefact.path
        met |= set(named)
    assert {f"architecture-{name}" for name in ARCHITECTURES} <= met
    assert {f"method-{name}" for name in ("pgd", "cw", "dual", "advdrop", "lspga")} <= met


@pytest.mark.parametrize("stage", declared())
def test_a_stage_that_runs_methods_or_builds_networks_says_which(stage: str) -> None:
    names = reached(ROOT / f"workflow/scripts/{stage}.py")
    asked = STAGES[stage].code is not Stage.code
    assert asked == bool(PARTS.keys() & names) or stage == "adopt"  # which builds the user's networks only


DECLARED = [
    ("attacks/methods", METHODS, "language/attacks"),
    ("models/architectures", ARCHITECTURES, "language/models"),
    ("models/packages", PACKAGED, "language/models"),
]
EACH = [(f"{room}/{name.replace('-', '_')}", found[name], reader) for room, found, reader in DECLARED for name in found]
EACH += [("language/attacks", OWN_METHOD, "language/attacks")]


@pytest.mark.parametrize(("place", "declaration", "reader"), EACH, ids=[place for place, _, _ in EACH])
def test_each_declaration_states_the_modules_that_decide_its_numbers(
    place: str, declaration: Declaration, reader: str
) -> None:
    trained = getattr(declaration, "training", None)
    functions = [one.function for one in (declaration, trained) if one]
    own = {place, *(path_of(function.partition(":")[0]) for function in functions)}
    shared = deciding(closure({reader}))  # what whoever reads the declaration imports
    assert set(declaration.modules) == deciding(closure(own)) - shared
    assert len(declaration.modules) == len(set(declaration.modules))


@pytest.mark.parametrize("name", METHODS)
def test_each_method_names_functions_that_take_its_parameters(name: str) -> None:
    method = METHODS[name]
    for taken in [method, *filter(None, [method.training])]:
        given = dict.fromkeys(set(taken.parameters) - {"kappa_rel"})  # a kappa, once the source is known
        extra = {"draws": method.draws, "foreground": method.foreground, "saliency": method.foreground}
        if taken is method:
            given |= {key: None for key, takes in (extra | {"files": method.files}).items() if takes}
        elif method.foreground:
            given["foreground"] = None
        inspect.signature(resolve(taken.function)).bind(None, None, None, **given)
