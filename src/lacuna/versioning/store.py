"""What ``make track``, ``push``, ``pull`` and ``verify`` do, for one scale of the configuration."""

import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path

from lacuna.config.load import load, read_yaml
from lacuna.errors import LacunaError
from lacuna.files.artefacts import find_files, provenance_path
from lacuna.jobs.progress import Say
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact
from lacuna.versioning import calls
from lacuna.versioning.verify import Finding, as_recorded, examine, other_code


class Store:
    """The artefacts of one scale, or of one of its tables, in the checkout that is the working directory."""

    def __init__(self, scale: str | None, table: str | None, say: Say) -> None:
        """Raises `LacunaError` where the configuration is wrong or has no such scale or table."""
        chosen = read_yaml(Path("config/config.yaml"), Path())
        self.plan = Plan(load(Path(), chosen | ({"scale": scale} if scale else {})))
        self.scale, self.table, self.say = self.plan.config.scale, table, say
        if table and table not in self.plan.lookup.tables:
            raise LacunaError(
                f"table '{table}' is in no config/papers/*.yaml; allowed: {', '.join(self.plan.lookup.tables)}"
            )
        self.planned = self.plan.inventory.artefacts(*([table] if table else []))

    # What is where -----------------------------------------------------------------------------------------

    def tracked(self) -> list[str]:
        """Files (artefacts and their provenance) that have a ``.dvc`` file, of the scale or of the table."""
        if self.table is None:
            return [str(path).removesuffix(".dvc") for path in find_files(Path("results", self.scale), ".dvc")]
        return [file for artefact in self.planned for file in pair(artefact.path) if Path(f"{file}.dvc").exists()]

    def others(self) -> list[Artefact]:
        """What lies here with provenance though no table needs it, in order of the flow; none if a table was named."""
        if self.table is not None:
            return []
        known = {artefact.path for artefact in self.planned}
        here = (str(path).removesuffix(".prov.json") for path in Path("results", self.scale).glob("*/*/**/*.prov.json"))
        return [as_recorded(path) for path in sorted(set(here) - known, key=self._place)]

    def examine(self) -> list[Finding]:
        """A finding for everything that the plan wants or that lies here."""
        return examine([*self.planned, *self.others()])

    def _place(self, path: str) -> tuple[int, str]:
        """Order of the flow; what no stage makes comes last."""
        try:
            return [*self.plan.stages].index(self.plan.paths.parse(path).stage), path
        except KeyError:
            return len(self.plan.stages), path

    # Commands: each says what it did and returns whether all is well ----------------------------------------

    def track(self) -> bool:
        """Adds every artefact that agrees with the plan to DVC, in one call; names and leaves what does not."""
        findings = self.examine()
        good = [finding for finding in findings if finding.state == "agrees"]
        files = [file for finding in good for file in pair(finding.path)]
        before = _contents(files)
        if files:
            calls.add(files)
        changed = sum(text != before[file] for file, text in _contents(files).items())
        self._report("tracked", good)
        self.say(f"  {changed} of {len(files)} .dvc files are new or changed")
        self._uncommitted()
        return self._name(findings)

    def push(self) -> bool:
        """Sends what the ``.dvc`` files name to the remote."""
        files = self._tracked_or_stop()
        done, said = calls.transfer("push", *files)
        self.say(f"{self._what()}: {len(files)} tracked files, {said if done else f'NOT pushed: {said}'}")
        self._uncommitted()
        return done

    def pull(self) -> bool:
        """Fetches what is tracked, checks it, and makes Snakemake take what agrees, and only that, as made."""
        files = self._tracked_or_stop()
        complete = self._fetch(files)
        findings = self.examine()
        good = [finding for finding in findings if finding.state == "agrees"]
        self._report("agree with the configuration", good)
        well = self._name(findings, set(files))
        self._bless(findings)
        return well and complete

    def verify(self) -> bool:
        """Checks what lies here against the plan, and names what is tracked but absent."""
        findings = self.examine()
        self._report("agree with the configuration", [finding for finding in findings if finding.state == "agrees"])
        return self._name(findings, set(self.tracked()))

    def guard(self) -> bool:
        """Stops before Snakemake would build on a file that does not agree; what it will make again may pass."""
        wrong = [finding for finding in examine(self.planned) if finding.state == "disagrees"]
        again = calls.pending(self.scale, [finding.path for finding in wrong]) if wrong else set()
        kept = [finding for finding in wrong if finding.path not in again]
        for finding in kept:
            self.say(f"error: {finding.why}")
        return not kept

    # Steps -------------------------------------------------------------------------------------------------

    def _tracked_or_stop(self) -> list[str]:
        if files := self.tracked():
            return files
        raise LacunaError(f"{self._what()}: nothing is tracked, there are no .dvc files; `make track` writes them")

    def _fetch(self, files: list[str]) -> bool:
        """``dvc pull``. One file that DVC refuses to replace stops it for all, so the others are asked for again."""
        done, said = calls.transfer("pull", *files)
        self.say(f"{self._what()}: {len(files)} tracked files, {said if done else f'NOT all pulled: {said}'}")
        if done:
            return True
        own = calls.refused(files)
        for path in sorted({path.removesuffix(".prov.json") for path in own}):
            self.say(f"kept: {path} differs from the tracked version; delete it and its .prov.json to pull that one")
            own |= set(pair(path))
        rest = [file for file in files if file not in own]
        if left := calls.checkout(rest):
            self.say(f"{self._what()}: NOT all put in place: {left}")
        return not left

    def _bless(self, findings: list[Finding]) -> None:
        planned = {artefact.path for artefact in self.planned}
        good = [f.artefact for f in findings if f.state == "agrees" and f.path in planned]
        agreeing = [artefact.path for artefact in good]
        absent = [f.path for f in findings if f.state == "absent" and f.sound]
        # The weights of a network of the author's own need not be here; then its checkpoint is a source to Snakemake.
        made = [a.path for a in good if all(name in planned or Path(name).exists() for name in a.inputs)]
        calls.touch(self.scale, made, [file for path in absent for file in pair(path)])
        rendered = self._renderings(set(agreeing))
        calls.render(self.scale, rendered)
        self.say(f"Snakemake takes {len(agreeing)} artefacts as made; rendered: {', '.join(rendered) or 'nothing'}")

    def _renderings(self, agreeing: set[str]) -> list[str]:
        """Tables whose cells agree, and the figures that show them. They are not stored: cells give them in seconds."""
        plan = self.plan
        tables = [table for table in plan.lookup.tables if plan.published.table(table)[-1] in agreeing]
        shown = {figure: set(plan.inventory.made_from(figure)) for figure in plan.lookup.figures}
        figures = [figure for figure, files in shown.items() if files and files <= agreeing]
        return [*(f"tables/{name}.csv" for name in tables), *(f"figures/{name}.svg" for name in figures)]

    def _what(self) -> str:
        return f"{self.table} at scale {self.scale}" if self.table else f"scale {self.scale}"

    def _report(self, what: str, findings: list[Finding]) -> None:
        size = sum(finding.size for finding in findings)
        self.say(f"{self._what()}: {len(findings)} artefacts, {size / 1e6:.1f} MB, {what}")
        for module, made in sorted(other_code(findings).items()):
            self.say(f"  note: {len(made)} of them were made by another version of {module}")

    def _name(self, findings: list[Finding], tracked: Collection[str] = ()) -> bool:
        """One sentence for each file that is wrong or that should be here, counts of the rest; True if all is well."""
        wrong = [finding for finding in findings if finding.state == "disagrees"]
        gone = [f for f in findings if f.state == "absent" and f.path in tracked]
        for finding in wrong:
            self.say(f"disagrees: {finding.why}")
        for finding in gone:
            self.say(f"missing: {finding.path} is tracked but not here")
        _count(self.say, sum(f.state == "unconfirmed" for f in findings), "cannot be confirmed without these")
        _count(self.say, sum(f.state == "absent" for f in findings) - len(gone), "are neither here nor tracked")
        return not wrong and not gone

    def _uncommitted(self) -> None:
        done = subprocess.run(
            ["git", "status", "--porcelain", "-uall", "--", "results"], capture_output=True, text=True
        )
        changed = [line for line in done.stdout.splitlines() if line.endswith(".dvc")]
        if changed:
            self.say(f"  {len(changed)} .dvc files are not committed: git add results && git commit")


def pair(path: str) -> tuple[str, str]:
    """An artefact and its provenance."""
    return path, str(provenance_path(path))


def scales_with(ending: str) -> list[str]:
    """Scales of the configuration that have a file with this ending below results/."""
    names = sorted(path.stem for path in Path("config/scales").glob("*.yaml"))
    return [name for name in names if find_files(Path("results", name), ending)]


def _contents(files: Iterable[str]) -> dict[str, str]:
    """Text of each file's ``.dvc`` file, empty where there is none."""
    notes = {file: Path(f"{file}.dvc") for file in files}
    return {file: note.read_text() if note.exists() else "" for file, note in notes.items()}


def _count(say: Say, number: int, what: str) -> None:
    if number:
        say(f"  {number} more {what}")
