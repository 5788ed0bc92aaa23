"""The commands ``make track``, ``push``, ``pull`` and ``verify``, for one scale of the configuration."""

import platform
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path

from lacuna.config.sources import files_of
from lacuna.errors import LacunaError
from lacuna.files.artefacts import find_files
from lacuna.files.origins import PULLED, TAKEN, note_origins
from lacuna.jobs.progress import Say
from lacuna.plan.checkout import plan_of_checkout
from lacuna.plan.presence import refuse_incomplete
from lacuna.plan.stage import Artefact
from lacuna.versioning import calls
from lacuna.versioning.anchors import Anchors, read_anchors
from lacuna.versioning.copying import copy_results, file_pair, find_results, remove
from lacuna.versioning.findings import NO_ANCHORS, Finding, examine, find_other_code, recorded_artefact

ELSE = "Snakemake makes the files here, or `make take FROM=` takes them from another folder of results"


class Store:
    """The artefacts of one scale, or of one of its tables, in the checkout that is the working directory."""

    def __init__(self, scale: str | None, table: str | None, say: Say) -> None:
        """Raises `LacunaError` where the configuration is wrong or has no such scale or table."""
        self.plan = plan_of_checkout(scale)
        self.scale, self.table, self.say = self.plan.config.scale, table, say
        refuse_incomplete(self.plan, [f"tables/{table}.csv"] if table else [])
        if table and table not in self.plan.lookup.tables:
            where = f"table '{table}' is in none of {files_of(self.plan.config.sources)}"
            raise LacunaError(f"{where}; allowed: {', '.join(self.plan.lookup.tables)}")
        self.planned = self.plan.inventory.artefacts(*([table] if table else []))

    # What is where -----------------------------------------------------------------------------------------

    def anchors(self) -> Anchors:
        """What git holds of the files of the scale."""
        return read_anchors(f"results/{self.scale}")

    def tracked_files(self) -> list[str]:
        """Files (artefacts and their provenance) that have a ``.dvc`` file, of the scale or of the table."""
        if self.table is None:
            return [str(path).removesuffix(".dvc") for path in find_files(Path("results", self.scale), ".dvc")]
        return [file for artefact in self.planned for file in file_pair(artefact.path) if Path(f"{file}.dvc").exists()]

    def other_artefacts(self) -> list[Artefact]:
        """Files with provenance that no table needs, in the order of the flow; none where a table was named."""
        if self.table is not None:
            return []
        known = {artefact.path for artefact in self.planned}
        here = (str(path).removesuffix(".prov.json") for path in Path("results", self.scale).glob("*/*/**/*.prov.json"))
        return [recorded_artefact(path) for path in sorted(set(here) - known, key=self._place)]

    def examine(self, anchors: Anchors = NO_ANCHORS) -> list[Finding]:
        """A finding on every file that the plan wants or that lies here, compared with what git holds of it."""
        return examine([*self.planned, *self.other_artefacts()], anchors)

    def _place(self, path: str) -> tuple[int, str]:
        """A key that sorts files in the order of the flow. A file that no stage makes comes last."""
        try:
            return [*self.plan.stages].index(self.plan.paths.parse(path).stage), path
        except KeyError:
            return len(self.plan.stages), path

    # Commands: each says what it did and returns whether all is well ----------------------------------------

    def track(self) -> bool:
        """Adds all artefacts that agree with the plan to DVC. Names the others, and leaves them."""
        findings = self.examine()
        good = [finding for finding in findings if finding.state == "agrees"]
        files = [file for finding in good for file in file_pair(finding.path)]
        before = _contents(files)
        if files:
            calls.add_files(files)
        changed = sum(text != before[file] for file, text in _contents(files).items())
        self._report("tracked", good)
        self.say(f"  {changed} of {len(files)} .dvc files are new or changed")
        self._uncommitted()
        return self._name(findings)

    def push(self) -> bool:
        """Sends the files that ``.dvc`` files name to the remote."""
        files = self._require_tracked("`make track` writes them")
        done, said = calls.transfer("push", files)
        self.say(f"{self._what()}: {len(files)} tracked files, {said if done else f'NOT pushed: {said}'}")
        self._uncommitted()
        return done

    def pull(self) -> bool:
        """Fetches the tracked files, checks them, and makes Snakemake take those that agree, and no others, as made."""
        files = self._require_tracked(f"so nothing is published; {ELSE}")
        here = {file for file in files if Path(file).exists()}
        complete = self._fetch(files)
        findings, well = self._judge(files)
        self._forget(findings)
        new = {finding.path for finding in findings if finding.state == "agrees"} & {*files} - here
        if new:
            note_origins(self.scale, PULLED, calls.remote_name(), new)
        self._bless(findings)
        return well and complete

    def take(self, folder: str) -> bool:
        """Copies from another folder of results what the plan wants, and makes Snakemake take what agrees as made.

        Of the copies that do not agree none stays. Raises `LacunaError` where the folder has no results of the scale.
        """
        copied = copy_results(find_results(folder, self.scale), [artefact.path for artefact in self.planned])
        self.say(f"{self._what()}: {len(copied.new)} artefacts copied from {folder}, {len(copied.same)} lay here")
        for path in copied.kept:
            self.say(f"kept: {path} differs from the one in {folder}; delete it and its .prov.json to take that one")
        findings, _ = self._examine_aloud()
        well = self._name(findings)
        agreeing = {finding.path for finding in findings if finding.state == "agrees"}
        left = [path for path in copied.new if path not in agreeing and Path(path).exists()]
        remove(left)
        _count(self.say, len(left), "of the copies do not agree and were removed")
        note_origins(self.scale, TAKEN, folder, agreeing & {*copied.new, *self._by_hand(copied.same, findings, folder)})
        self._bless(findings)
        return well and not copied.kept

    def _by_hand(self, same: list[str], findings: list[Finding], folder: str) -> set[str]:
        """Of the files that lie in the folder that was named, and are those of this checkout: those of another host."""
        if not same or not find_results(folder, self.scale).samefile("results"):
            return set()
        hosts = {finding.path: finding.record.volatile.get("host") for finding in findings if finding.record}
        return {path for path in same if hosts.get(path) != platform.node()}

    def verify(self) -> bool:
        """Checks the files that lie here against plan and git, and names tracked files that are absent."""
        return self._judge(self.tracked_files())[1]

    def guard(self) -> bool:
        """Names the files that do not agree and that Snakemake would build on. Files that it makes again may pass."""
        wrong = [finding for finding in examine(self.planned) if finding.state == "disagrees"]
        again = calls.find_pending(self.scale, [finding.path for finding in wrong]) if wrong else set()
        kept = [finding for finding in wrong if finding.path not in again]
        for finding in kept:
            self.say(f"error: {finding.why}")
        return not kept

    # Steps -------------------------------------------------------------------------------------------------

    def _require_tracked(self, mend: str) -> list[str]:
        if files := self.tracked_files():
            return files
        raise LacunaError(f"{self._what()}: nothing is tracked, there are no .dvc files; {mend}")

    def _judge(self, tracked: Iterable[str]) -> tuple[list[Finding], bool]:
        """Says what agrees, what does not and what is missing: the findings, and whether all is well."""
        findings, anchors = self._examine_aloud()
        return findings, self._name(findings, {*tracked, *anchors.known} if self.table is None else set(tracked))

    def _examine_aloud(self) -> tuple[list[Finding], Anchors]:
        """Counts what agrees: all findings, and what git holds."""
        anchors = self.anchors()
        findings = self.examine(anchors)
        good = [finding for finding in findings if finding.state == "agrees"]
        self._report("agree with the configuration", good)
        committed = [f for f in good if all(anchors.committed(name) for name in file_pair(f.path))]
        self.say(f"  {len(committed)} of them are the versions that git holds; nothing holds the others")
        return findings, anchors

    def _fetch(self, files: list[str]) -> bool:
        """Calls ``dvc pull``. Where DVC refuses to replace a file it stops for all; the others are asked for again."""
        done, said = calls.transfer("pull", files)
        self.say(f"{self._what()}: {len(files)} tracked files, {said if done else f'NOT all pulled: {said}'}")
        if done:
            return True
        if not calls.run_dvc("remote", "list").stdout.strip():
            raise LacunaError(f"no remote is known; add the publisher's with `dvc remote add -d storage`; or {ELSE}")
        own = calls.find_refused(files)
        for path in sorted({path.removesuffix(".prov.json") for path in own}):
            self.say(f"kept: {path} differs from the tracked version; delete it and its .prov.json to pull that one")
            own |= set(file_pair(path))
        rest = [file for file in files if file not in own]
        if left := calls.check_out(rest):
            self.say(f"{self._what()}: NOT all put in place: {left}")
        return not left

    def _forget(self, findings: Iterable[Finding]) -> None:
        """Removes what a remote gave under a wrong name from DVC's cache, which would give it again."""
        anchors = self.anchors()
        wrong = [name for f in findings if f.state == "disagrees" for name in file_pair(f.path)]
        digests = {anchors.known[name].md5 for name in wrong if name in anchors.known}
        _count(self.say, calls.forget_damaged(digests), "damaged objects were removed from DVC's cache")

    def _bless(self, findings: list[Finding]) -> None:
        planned = {artefact.path for artefact in self.planned}
        good = [f.artefact for f in findings if f.state == "agrees" and f.path in planned]
        agreeing = [artefact.path for artefact in good]
        absent = [f.path for f in findings if f.state == "absent" and f.sound]
        # The weights of a network of the author's own need not be here; then its checkpoint is a source to Snakemake.
        made = [a.path for a in good if all(name in planned or Path(name).exists() for name in a.inputs)]
        calls.mark_made(self.scale, made, [file for path in absent for file in file_pair(path)])
        rendered = self._renderings(set(agreeing))
        calls.render_files(self.scale, rendered)
        self.say(f"Snakemake takes {len(agreeing)} artefacts as made; rendered: {', '.join(rendered) or 'nothing'}")

    def _renderings(self, agreeing: set[str]) -> list[str]:
        """Tables whose cells agree, and the figures that show them. They are not stored; they take seconds."""
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
        for module, made in sorted(find_other_code(findings).items()):
            self.say(f"  note: {len(made)} of them were made by another version of {module}")
        _count(self.say, sum(finding.older for finding in findings), "have a record of the older format, without seal")

    def _name(self, findings: list[Finding], tracked: Collection[str] = ()) -> bool:
        """Says one sentence on each file that is wrong or should be here, and counts the rest; True if all is well."""
        wrong = [finding for finding in findings if finding.state == "disagrees"]
        gone = [f for f in findings if f.state == "absent" and f.path in tracked]
        for finding in wrong:
            self.say(f"disagrees: {finding.why}")
        for finding in gone:
            self.say(f"missing: {finding.path} is tracked but not here")
        _count(self.say, sum(f.state == "unconfirmed" for f in findings), "more cannot be confirmed without these")
        _count(self.say, sum(f.state == "absent" for f in findings) - len(gone), "more are neither here nor tracked")
        return not wrong and not gone

    def _uncommitted(self) -> None:
        done = subprocess.run(
            ["git", "status", "--porcelain", "-uall", "--", "results"], capture_output=True, text=True
        )
        changed = [line for line in done.stdout.splitlines() if line.endswith(".dvc")]
        if changed:
            self.say(f"  {len(changed)} .dvc files are not committed: git add results && git commit")


def find_scales(ending: str) -> list[str]:
    """Scales of the configuration that have a file with this ending below results/."""
    names = sorted(path.stem for path in Path("config/scales").glob("*.yaml"))
    return [name for name in names if find_files(Path("results", name), ending)]


def _contents(files: Iterable[str]) -> dict[str, str]:
    """Text of each file's ``.dvc`` file, empty where there is none."""
    notes = {file: Path(f"{file}.dvc") for file in files}
    return {file: note.read_text() if note.exists() else "" for file, note in notes.items()}


def _count(say: Say, number: int, what: str) -> None:
    if number:
        say(f"  {number} {what}")
