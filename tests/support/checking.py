"""What a document names and the repository does not have, as sentences."""

import re
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from existing import Existing, alternatives
from mentions import LINK, PLACEHOLDER, SPAN, Source, excerpt, markdown

# What is not ours, though it stands in backticks or looks like a path of ours.
PROGRAMS = {"kill", "make", "pip", "python3", "sacct", "screen", "sha256sum", "ssh-keygen", "sshd", "tmux", "uv"}
SLURM = {
    "gres",
    "MinJobAge",
    "PreemptMode=CANCEL",
    "oom_kill",
    "slurm-array-jobs",
    "slurm_extra",
}  # its settings, and what its logs say
VARIABLES = {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "CUDA_VISIBLE_DEVICES", "PYTHONPATH", "SNAKEMAKE_PROFILE", "TMPDIR"}
OTHERS = {"q_size", "n/a", "N_test"}  # AdvDrop's code; no value; shapes
LIBRARIES = {"timm.data.resolve_data_config", "timm.models.save_for_hf", "rocrate"}
NOT_OURS = PROGRAMS | SLURM | VARIABLES | OTHERS | LIBRARIES
FETCHED = {"deepgaze2e.pth", "centerbias_mit1003.npy", "matthias-k_DeepGaze_v1.2.1", "cifar-10-python.tar.gz"}
WRITTEN = {"dvc.lock", "learnt.json", "report.html", "study.html", "page.html"}  # by commands that a document shows
SCALE = "config/scales/mine.yaml"
EXAMPLES = {"my-images", "weights/resnet10t.safetensors", "data/masks", "mine.py", "mine.yaml", "other.yaml", SCALE}
OWN = re.compile(r"mine:\w+(\(.*\))?")  # a function in a user's file, as metrics and plots name it
FOREIGN = {"cwl2.py", "dvc/env.py"}  # in the Defective paper's released code, in DVC
EXPORTED = {"load.py", "network.py", "model.safetensors", "model_info/"}  # in the folder of a network, in RobustBench
PACKED = {"check.py", "digests.txt", "records/", "source/"}  # in a crate
# EXAMPLES are files that a user would bring.
THEIRS = FETCHED | WRITTEN | EXAMPLES | FOREIGN | EXPORTED | PACKED
BROUGHT = ("data/imagenet", "data/tiny-imagenet", "data/segment6", "data/stylized-imagenet")  # by the user
UNTRACKED = (".snakemake", ".venv", "site/", ".dvc/cache", "~/", *BROUGHT)

ENDINGS = r"\.(?:py|md|yaml|yml|smk|toml|sh|csv|svg|tex|txt|rst|j2|npz|safetensors)"
IN_PROSE = r"(?<![\w/.~$<>{{}}-])(?:(?:{top})/[\w./*<>{{}}-]*[\w/*>}}]|[\w/]+\.(?:py|md|yaml|smk)\b(?!/))"
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
DOTTED = re.compile(r"\blacuna(?:\.[A-Za-z_]\w*)+")


class Checker:
    """Compares documents with the repository in a folder."""

    def __init__(self, existing: Existing) -> None:
        self.existing = existing

    def faults(self, source: Source) -> list[str]:
        """One sentence for each thing that a text names and that does not exist."""
        checks = (self.links, self.paths, self.names, self.commands, self.spans, self.keys, self.places, self.excerpts)
        return sorted({f"{source.name}: {fault}" for check in checks for fault in check(source)})

    # Where a link or a path leads -------------------------------------------------------------------------------

    def links(self, source: Source) -> Iterator[str]:
        """Links of a Markdown document to a file or a heading that is not there."""
        folder = Path(source.name).parent
        for link in LINK.findall(source.prose) if source.name.endswith(".md") else ():
            path, _, anchor = link.partition("#")
            if "://" in link:
                continue
            target = self.existing.root / folder / path if path else None
            if target and not target.exists():
                yield f"link to {path}: there is no such file"
            elif anchor:
                there = markdown(path, target.read_text()) if target else source
                if anchor not in there.anchors:
                    yield f"link to {link}: there is no such heading"

    def paths(self, source: Source) -> Iterator[str]:
        """Paths in prose, in code and in blocks that lead nowhere."""
        pattern = re.compile(IN_PROSE.format(top="|".join(sorted(self.existing.top))))
        prose = re.sub(r"(?:\[[\w/.-]+)?\]\([^)]*\)|\w+://\S*", "", source.prose)
        for text in (prose, *(block.text for block in source.blocks)):
            for path in (path if "{" in path else path.rstrip("}") for path in pattern.findall(text)):
                if not self.is_file(path, source):
                    yield f"path {path}: there is no such file"
        for block in source.blocks:
            if block.file and not self.existing.has(block.file):
                yield f"path {block.file}: there is no such file"

    def is_file(self, path: str, source: Source) -> bool:
        """Whether a path, as written in a text, is a file that is here, is made, or is the user's to bring."""
        bases = ("src/lacuna", str(Path(source.name).parent))
        head = path.partition("/")[0]
        made = ("results", "logs", "tables", "figures", "reports", "exports", "crates", "metrics", "plots")
        if head in made and "/" in path:
            here = self.existing.makes_file(path) or self.existing.has(path)
            return here or any(part in THEIRS for part in path.split("/"))
        if path in THEIRS or path.startswith((*UNTRACKED, "<")):
            return True
        return self.existing.has(path, *bases) or self.existing.has(f"{path}.py", *bases)

    # Code in backticks ------------------------------------------------------------------------------------------

    def names(self, source: Source) -> Iterator[str]:
        """Dotted names of the package that lead nowhere."""
        for text in (source.prose, *(block.text for block in source.blocks)):
            for dotted in DOTTED.findall(text):
                if not self.existing.resolves(dotted):
                    yield f"name {dotted}: there is no such module, or nothing of that name in it"

    def spans(self, source: Source) -> Iterator[str]:
        """Pieces of code that are neither a file, a setting, a name of ours, nor a command."""
        prose = SPAN.sub("", source.prose) if source.own else ""  # in prose about code an underscore means a name
        for span in (*source.spans, *re.findall(r"(?<![\w/.])[A-Za-z]+(?:_[A-Za-z0-9]+)+\b(?![./<])", prose)):
            if not self.known(span, source):
                yield f"`{span}`: no file, setting, name or target of this repository"

    def known(self, span: str, source: Source) -> bool:
        """Whether a piece of code is something that there is, or of a kind that is checked elsewhere."""
        bare = re.sub(r"^\.\.(?=[a-z])", ".", PLACEHOLDER.sub("", span))
        message = bare.endswith("...") or "..." in re.sub(r"[:,] \.\.\.|\[\.\.\.\]", "", bare)
        if message or OWN.fullmatch(bare) or not re.search(r"[A-Za-z]", bare):
            return True
        if " " in bare or bare.startswith("--"):
            return self.is_setting(span)
        if span in NOT_OURS or DOTTED.fullmatch(bare) or WORD.fullmatch(bare):
            return not WORD.fullmatch(bare) or self.is_word(bare, source)
        if re.match(r"[._][a-z]", bare):
            return bare.startswith(UNTRACKED) or bare in self.existing.code or self.existing.has(span)
        if "/" in span or re.search(rf"{ENDINGS}$", span):
            return self.is_file(span, source) or self.is_output(span)
        return self.is_word(span, source) or all(
            self.is_word(word, source) for word in re.findall(r"[A-Za-z_]\w*", bare)
        )

    def is_word(self, word: str, source: Source) -> bool:
        """Whether a word is a name in the code or in the configuration, or an attack's code."""
        here = self.existing
        if word in source.own | NOT_OURS | THEIRS or word in here.names | here.configured:
            return True
        if re.fullmatch(r"[A-Z][A-Z0-9_]+", word):
            return word.startswith("LACUNA_") and f'"{word}"' in here.code  # a variable
        coded = re.search(r"\d", word) and re.fullmatch(r"([a-z]+)(?:_[a-z]+(?:\d+(?:\.\d+)?)?)+", word)
        return word in here.literals | here.makes | here.rules or bool(coded and coded[1] in here.words)

    def is_setting(self, span: str) -> bool:
        """Whether a piece of YAML fits a schema or a profile; anything else of several words is no piece of YAML."""
        if not re.match(r"^(\{[a-z_]+: .*\}|[a-z_.]+: \S.*)$", span):
            return True
        content = excerpt(span)
        assert isinstance(content, dict), span
        return self.existing.accepts(content) or set(content) <= self.existing.profiled | SLURM

    def is_output(self, name: str) -> bool:
        """Whether a file's name alone is that of a table or figure."""
        return any(self.existing.makes_file(f"{folder}/{name}") for folder in ("tables", "figures"))

    # Commands ---------------------------------------------------------------------------------------------------

    def commands(self, source: Source) -> Iterator[str]:
        """Targets, options and modules in commands that do not exist."""
        for command in source.commands:
            words = split(PLACEHOLDER.sub("*", command))
            while words and re.match(r"^[A-Z]+=", words[0]):
                words.pop(0)
            check = {"make": self.make, "snakemake": self.snakemake, "python": self.python, "dvc": self.dvc}
            if len(words) > 1 and words[0] in check:
                yield from (f"command `{command}`: {fault}" for fault in check[words[0]](words[1:], source))

    def make(self, words: list[str], _: Source) -> Iterator[str]:
        """Targets, and variables that the Makefile asks for."""
        text = (self.existing.root / "Makefile").read_text()
        values = {"TABLE": self.existing.exhibits["tables"], "SCALE": self.existing.places[0]}
        for word in words:
            name, given, value = word.partition("=")
            if name in values and value not in values[name]:
                yield f"there is no {name.lower()} {value}"
            asked = f"$({name})" in text or f"{name} ?=" in text
            if not (asked if given else name in self.existing.makes):
                yield f"the Makefile has no {name}"

    def snakemake(self, words: list[str], source: Source) -> Iterator[str]:
        """Options of Snakemake, rules, files that it makes, keys of --config."""
        try:
            asked = parsed(tuple(words))
        except ValueError as error:
            yield str(error)
            return
        for name in {*asked.targets, *(asked.forcerun or ())} - {"*"}:
            if "$" not in name and name not in self.existing.rules and not self.is_file(name, source):
                yield f"no rule makes {name}"
        for choice in asked.config or ():
            key, _, value = choice.partition("=")
            if key not in self.existing.schemas["config"]["properties"]:
                yield f"config/config.yaml has no key {key}"
            elif (
                key == "scale" and value not in self.existing.places[0] and f"config/scales/{value}.yaml" not in THEIRS
            ):
                yield f"there is no scale {value}"
            elif key == "papers" and not self.is_file(value, source):
                yield f"there is no paper {value}"
        for profile in asked.profile or ():
            if not self.existing.has(f"{profile}/profile.yaml"):
                yield f"there is no profile {profile}"

    def python(self, words: list[str], source: Source) -> Iterator[str]:
        """Modules of this package with their options, and scripts."""
        if words[0] == "-m" and "".join(words[1:2]).startswith("lacuna"):
            if not self.existing.resolves(words[1]):
                yield f"there is no module {words[1]}"
            for name in (word for word in words[2:] if "/" in word and "$" not in word):
                if not self.is_file(name, source):
                    yield f"no rule makes {name}"
            for option in (word.partition("=")[0] for word in words[2:] if word.startswith("--")):
                if f'"{option}"' not in self.existing.code:
                    yield f"there is no option {option}"
        elif words[0].endswith(".py") and not self.existing.has(words[0]):
            yield f"there is no {words[0]}"

    def dvc(self, words: list[str], _: Source) -> Iterator[str]:
        """Aliases of dvc.yaml."""
        for name in words[1:] if words[0] == "repro" else ():
            if name not in self.existing.aliases:
                yield f"dvc.yaml has no {name}"

    # Keys and what stands where ---------------------------------------------------------------------------------

    def keys(self, source: Source) -> Iterator[str]:
        """Words that a text calls a key, which no schema knows."""
        item = r"``?([\w.<>-]+)``?"
        for found in re.finditer(rf"\bkeys?\s+{item}(?:(?:,|\s+and|\s+or)\s+{item})*|{item}\s+keys?\b", source.prose):
            for name in re.findall(item, found[0]):
                for part in PLACEHOLDER.sub("", name).split("."):
                    if part and part not in self.existing.keys and part not in source.own:
                        yield f"key {part}: no schema of the configuration has it"

    def places(self, source: Source) -> Iterator[str]:
        """`Word` in `file`, or `word` (`file`), where that file does not have the word."""
        near = r"`([\w-]+)``?\s*(?:\(|(?:in|under|of)\s[^`.;|()]{0,40})``?([\w./*<>{}-]+)`"
        for word, path in re.findall(near, source.prose):
            texts = [text for choice in self.files(path, source) for _, text in self.existing.texts(choice)]
            if texts and not any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for text in texts):
                yield f"`{word}` is not in {path}"

    def files(self, path: str, source: Source) -> Iterator[str]:
        """Patterns of the files that a path in a text means."""
        for base in ("", "src/lacuna/", f"{Path(source.name).parent}/"):
            for choice in alternatives(re.sub(r"<[^<>]*>", "*", path)):
                whole = f"{base}{choice}"
                if re.search(r"\.\w+$", whole):
                    yield whole
                elif whole.endswith("/") and (self.existing.root / whole).is_dir():
                    yield f"{whole}**/*.*"

    def excerpts(self, source: Source) -> Iterator[str]:
        """Blocks of YAML that no configuration file could hold."""
        for block in source.blocks:
            if block.language == "yaml" and not self.existing.accepts(excerpt(block.text)):
                yield f"a block of YAML that no schema takes: {' '.join(block.text.split())[:60]}..."


@cache
def checker_of(root: Path) -> Checker:
    """The checker of a repository, which is parsed once in a session."""
    return Checker(Existing(root))


def split(command: str) -> list[str]:
    """Words of a shell command; none where it is no command."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


@cache
def parser() -> ArgumentParser:
    """Snakemake's own."""
    from snakemake.cli import get_argument_parser

    return get_argument_parser()


@cache
def parsed(words: tuple[str, ...]) -> Namespace:
    """Snakemake's reading of its arguments. Raises ValueError where it has no such option."""
    asked, unknown = parser().parse_known_args(words)
    if unknown:
        raise ValueError(f"Snakemake has no option {unknown[0]}")
    return asked
