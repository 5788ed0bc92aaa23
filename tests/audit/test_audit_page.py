"""The page of the audit: self-contained, escaped, accessible; and what it does in a real browser."""

from __future__ import annotations

import copy
import json
import re
import shutil
import struct
import subprocess
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from forging import flip
from madeup import audited
from test_audit import CHECKPOINT

from lacuna.audit import page as page_module
from lacuna.audit.page import render_page

if TYPE_CHECKING:
    from projects import Project

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
browser = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]
HOSTILE = (
    "\"><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">{{7*7}}</details>&lt;"
)


class Page(HTMLParser):
    """Tags with their attributes, in order, and the text of the headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture
def report(made: Project) -> dict[str, Any]:
    return audited(made)


def hostile(part: Any, kept: tuple[str, ...] = ()) -> Any:
    """The same data with every text that a stranger can write made hostile; ``kept`` are keys left alone."""
    if isinstance(part, dict):
        return {key: value if key in kept else hostile(value, kept) for key, value in part.items()}
    if isinstance(part, list):
        return [hostile(value, kept) for value in part]
    return HOSTILE + part if isinstance(part, str) else part


KEPT = (
    "id",
    "state",
    "kind",
    "unit",
    "image",
    "path",
    "paper",
    "files",
    "cells",
    "claims",
    "verdict",
    "pairs",
    "behind",
)


def poisoned(report: dict[str, Any]) -> dict[str, Any]:
    """Titles, rows, columns, claims, settings, versions, hosts: all but what the plan constrains to plain names."""
    made_hostile = hostile(copy.deepcopy(report), KEPT)
    for exhibit in made_hostile["exhibits"]:
        exhibit["cells"] = hostile(exhibit["cells"], (*KEPT, "unit"))
    for paper in made_hostile["papers"]:
        paper["claims"] = [hostile(claim, ("id", "verdict", "cells")) for claim in paper["claims"]]
    return made_hostile


# Without a browser -----------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else(report: dict[str, Any]) -> None:
    html = render_page(report)
    assert "default-src 'none'" in html
    parsed = Page(html)
    links = [tag.get(key) or "" for _, tag in parsed.tags for key in ("src", "href", "action", "srcset") if key in tag]
    assert links
    assert all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in links)
    assert not re.search(r"@import|url\(", html)


def test_every_link_leads_somewhere_and_no_id_stands_twice(report: dict[str, Any]) -> None:
    parsed = Page(render_page(report))
    ids = Counter(tag["id"] for _, tag in parsed.tags if "id" in tag)
    assert max(ids.values()) == 1
    targets = {(tag["href"] or "")[1:] for tag in parsed.all("a")}
    assert targets <= ids.keys()
    assert len(targets) > 150
    inputs = {name for _, tag in parsed.tags for name in (tag.get("data-inputs") or "").split()}
    assert inputs <= ids.keys()


def test_every_number_of_the_table_is_on_the_page_with_its_interval(report: dict[str, Any]) -> None:
    html = render_page(report)
    for cell in next(e for e in report["exhibits"] if e["id"] == "table3")["cells"]:
        assert f"{cell['value']:.2f}</a>" in html
        assert f"<small>{cell['ci_low']:.2f} to {cell['ci_high']:.2f}</small>" in html
        assert f"{cell['printed']:.2f}</span>" in html
        assert cell["provenance"] in html


def test_no_text_of_a_stranger_becomes_markup(report: dict[str, Any]) -> None:
    clean, attacked = Page(render_page(report)), Page(render_page(poisoned(report)))
    assert Counter(tag for tag, _ in attacked.tags) == Counter(tag for tag, _ in clean.tags)
    assert not [tag for _, tag in attacked.tags if any(key.startswith("on") for key in tag)]
    assert HOSTILE not in render_page(poisoned(report))


def test_it_can_be_read_without_eyes_or_mouse(report: dict[str, Any]) -> None:
    parsed = Page(render_page(report))
    assert parsed.all("html")[0]["lang"] == "en"
    assert all(tag.get("alt") for tag in parsed.all("img"))
    assert all(tag.get("scope") in ("row", "col") for tag in parsed.all("th"))
    assert all("role" in tag and tag.get("aria-label") for _, tag in parsed.tags if tag.get("tabindex") == "0")
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    html = render_page(report)
    for control in [*parsed.all("select"), *parsed.all("input")]:
        assert re.search(rf'<label>[^<]+<(select|input)[^>]* id="{control["id"]}"', html)


def test_a_report_without_verdicts_says_so_and_has_no_bar(report: dict[str, Any]) -> None:
    nothing = dict.fromkeys(report["summary"]["claims"], 0)
    unjudged = report | {"summary": report["summary"] | {"claims": nothing | {"not run": 7, "not applicable": 2}}}
    assert "Not judged yet." in render_page(unjudged)
    assert 'class="bar"' not in render_page(unjudged)
    judged = report | {"summary": report["summary"] | {"claims": nothing | {"inconclusive": 1}}}
    assert "Not judged yet." not in render_page(judged)
    assert 'class="bar"' in render_page(judged)


def test_an_introduction_takes_the_place_of_the_lines_about_a_run(report: dict[str, Any]) -> None:
    page = render_page(report, "What <this> is.")
    assert "<p>What &lt;this&gt; is.</p>" in page
    assert "audit of scale" not in page.replace("Lacuna audit: scale", "")
    assert "Made " not in page


def test_colours_are_told_apart_by_everyone() -> None:
    """WCAG AA: 4.5 to 1 for text, on badges, shades of the heat map, links and quiet text, by day and by night."""
    css = (Path(page_module.__file__).parent / "audit.css").read_text()
    blocks = re.findall(r"(?::root|:is\(\.h0[^)]*\)) {([^}]*)}", css)
    light, dark, cells = (dict(re.findall(r"--(\w+): (#[0-9a-f]+)", block)) for block in blocks)
    words = ("ink", "quiet", "blue")
    pairs = [(page[one], page[other]) for page in (light, dark) for one in words for other in ("paper", "soft")]
    pairs += re.findall(r"{ color: (#[0-9a-f]+); background: (#[0-9a-f]+); }", css)
    shades = re.findall(r"\.h\d+ { background: (#[0-9a-f]{6}); }", css)
    assert len(shades) == page_module.SHADES + 1
    pairs += [(light["ink"], shade) for shade in shades] + [(cells[one], shade) for one in words for shade in shades]
    for name in (r"\.notice", "tr:target"):
        by_day, by_night = re.findall(name + r" {[^}]*background: (#[0-9a-f]+)", css)
        pairs += [(light["ink"], by_day), (dark["ink"], by_night)]
    assert len(pairs) > 60
    assert {pair: contrast(*pair) for pair in pairs if contrast(*pair) < 4.5} == {}
    assert sorted(map(luminance, shades), reverse=True) == [luminance(shade) for shade in shades]


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# In a browser ----------------------------------------------------------------------------------------------


def chromium(tmp_path: Path, html: str, *options: str) -> str:
    """What headless Chromium writes to stdout for a page, without a network."""
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")
    fixed = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=5000"]
    offline = ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [str(CHROMIUM), *fixed, *offline, *options, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def does(tmp_path: Path, html: str, script: str) -> Any:
    """What a script sees and does on the page; it puts its answer into the variable ``answer``."""
    wrapped = f"""<script>(() => {{ let answer = null;
    const choose = (id, value) => {{ const one = document.getElementById(id); one.value = value;
      one.dispatchEvent(new Event("input", {{bubbles: true}})); }};
    const type = (text) => choose("find", text);
    const all = (selector) => [...document.querySelectorAll(selector)];
    const visible = (selector) => all(selector).filter((one) => one.checkVisibility()).length;
    const errors = []; window.addEventListener("error", (event) => errors.push(event.message));
    try {{ {script} }} catch (error) {{ errors.push(String(error)); }}
    document.body.innerHTML = ""; document.body.textContent = "ANSWER" + JSON.stringify({{answer, errors}}) + "END";
    }})()</script></body>"""
    dumped = chromium(tmp_path, html.replace("</body>", wrapped), "--dump-dom")
    found = re.search(r"ANSWER(.*)END", dumped, re.DOTALL)
    assert found, dumped[-2000:]
    said = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert said["errors"] == []
    return said["answer"]


class TestBrowser:
    """Headless Chromium, skipped where there is none."""

    pytestmark = browser

    def test_search_and_filters_leave_what_fits(self, report: dict[str, Any], tmp_path: Path) -> None:
        seen = does(
            tmp_path,
            render_page(report),
            """answer = {all: visible(".item")};
            type("DEF10"); answer.one = visible(".claim"); answer.said = document.getElementById("found").textContent;
            type("no such word"); answer.none = visible(".item");
            type(""); choose("verdict", "not run"); answer.notrun = visible(".claim"); answer.others = visible(".file");
            choose("verdict", ""); choose("state", "built"); answer.built = visible(".exhibit");
            choose("state", "stale"); answer.stale = visible(".exhibit");
            choose("state", ""); answer.again = visible(".item");""",
        )
        assert (seen["none"], seen["others"], seen["stale"], seen["built"]) == (0, 0, 0, 2)
        assert seen["one"] >= 1
        assert seen["said"].endswith(f"of {seen['all']} entries")
        assert seen["notrun"] == report["summary"]["claims"]["not run"]
        assert seen["again"] == seen["all"]

    def test_a_number_opens_the_way_down_to_the_data(self, report: dict[str, Any], tmp_path: Path) -> None:
        seen = does(
            tmp_path,
            render_page(report),
            """document.querySelector("a[href='#c-table3-2']").click();
            const box = document.getElementById("dialog");
            answer = {open: box.open, title: document.getElementById("dialog-title").textContent,
                      text: box.textContent, focus: box.contains(document.activeElement),
                      files: [...box.querySelectorAll(".file")].map((one) => one.querySelector("code").textContent)};
            box.querySelectorAll(".file a")[2].click();
            answer.opened = [...box.querySelectorAll(".file[open]")].length; answer.still = box.open;
            document.getElementById("dialog-close").click(); answer.closed = !box.open;
            document.querySelector("a[href='#k-DEF10']").click();
            answer.claim = document.getElementById("k-DEF10").open;""",
        )
        cell = next(e for e in report["exhibits"] if e["id"] == "table3")["cells"][1]
        assert (seen["open"], seen["focus"], seen["closed"], seen["claim"]) == (True, True, True, True)
        assert seen["title"] == "table3: ResNet-18, ResNet-50"
        for text in (f"ours{cell['value']:.2f}", f"n{cell['n']}", f"paper{cell['printed']:.2f}"):
            assert text in seen["text"]
        stages = Counter(path.split("/")[3] for path in seen["files"])
        assert stages == {"evaluate": 1, "attack": 5, "train": 6, "select": 1, "dataset": 2}
        assert (seen["opened"], seen["still"]) == (2, True)

    def test_nothing_hostile_runs(self, report: dict[str, Any], tmp_path: Path) -> None:
        script = """document.querySelector("a[href^='#c-table3-']").click(); answer = document.title;"""
        assert does(tmp_path, render_page(poisoned(report)), script).startswith("Lacuna audit")

    def test_the_keyboard_reaches_search_and_cells(self, report: dict[str, Any], tmp_path: Path) -> None:
        seen = does(
            tmp_path,
            render_page(report),
            """document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true}));
            answer = [document.activeElement.id, all(".three a").every((a) => a.tabIndex === 0)];""",
        )
        assert seen == ["find", True]

    def test_the_first_screen_is_as_wide_as_the_window(self, report: dict[str, Any], tmp_path: Path) -> None:
        script = "answer = document.documentElement.scrollWidth - document.documentElement.clientWidth;"
        assert does(tmp_path, render_page(report), script) == 0
        chromium(tmp_path, render_page(report), "--window-size=500,900", f"--screenshot={tmp_path / 'shot.png'}")
        assert struct.unpack(">2I", (tmp_path / "shot.png").read_bytes()[16:24]) == (500, 900)

    def test_it_prints(self, report: dict[str, Any], tmp_path: Path) -> None:
        chromium(tmp_path, render_page(report), f"--print-to-pdf={tmp_path / 'audit.pdf'}", "--no-pdf-header-footer")
        assert (tmp_path / "audit.pdf").read_bytes().startswith(b"%PDF")

    def test_a_fault_is_seen_first(self, made: Project, tmp_path: Path) -> None:
        flip(CHECKPOINT)
        script = "answer = [visible('#problems li'), document.querySelector('#problems li').textContent];"
        count, text = does(tmp_path, render_page(audited(made)), script)
        assert count == 1
        assert "tampered" in text
        assert "Behind: table3, defective-table3, claims of defective." in text
