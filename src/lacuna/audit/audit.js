"use strict";
const $ = (id) => document.getElementById(id);
const items = [...document.querySelectorAll(".item")];
const texts = new Map(items.map((item) => [item, item.textContent.toLowerCase()]));
const filters = { state: "exhibit", paper: "", verdict: "claim" };

// Search and filter: an item stays when it has every word, and when each filter that is about its kind agrees.
function fits(item) {
  const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.every((word) => texts.get(item).includes(word))) return false;
  return Object.keys(filters).every((name) => {
    const wanted = $(name).value;
    if (!wanted) return true;
    return name in item.dataset ? item.dataset[name] === wanted : false;
  });
}

function filter() {
  let shown = 0;
  for (const item of items) shown += !(item.hidden = !fits(item));
  $("found").textContent = shown === items.length ? "" : `${shown} of ${items.length} entries`;
}

// A cell: what its line of the long table says, and below it every file that it was computed from, down to the data.
function element(name, text, parts = []) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...parts);
  return made;
}

function facts(line) {
  const names = [...line.closest("table").tHead.rows[0].cells].map((cell) => cell.textContent);
  const list = element("dl", "");
  list.className = "record";
  [...line.cells].forEach((cell, i) => {
    if (!cell.textContent.trim()) return;
    const value = element("dd", "");
    value.append(...[...cell.childNodes].map((node) => node.cloneNode(true)));
    list.append(element("dt", names[i]), value);
  });
  return list;
}

function chain(ids, seen = new Set()) {
  return ids.flatMap((id) => {
    if (seen.has(id)) return [];
    seen.add(id);
    const copy = $(id).cloneNode(true);
    copy.removeAttribute("id");
    copy.dataset.of = id;
    copy.hidden = false;
    return [copy, ...chain((copy.dataset.inputs || "").split(" ").filter(Boolean), seen)];
  });
}

function show(line) {
  const article = line.closest("article");
  const files = line.querySelector("[data-files]").dataset.files.split(" ").filter(Boolean);
  const [row, column] = [...line.cells].map((cell) => cell.textContent);
  $("dialog-title").textContent = `${article.id}: ${row}, ${column}`;
  const down = chain(files);
  if (down.length) down[0].open = true;
  const way = down.length ? [element("h3", "The way down to the data"), ...down] : [];
  $("dialog-body").replaceChildren(facts(line), ...way);
  if (!$("dialog").open) $("dialog").showModal();
}

// Links inside the page open what they lead to, also where it was closed or filtered away.
function follow(id) {
  const target = id && $(id);
  if (!target) return false;
  if (target.matches("tr[id^='c-']")) {
    show(target);
    return true;
  }
  const copy = $("dialog").open && $("dialog").querySelector(`[data-of="${id}"]`);
  if (!copy) $("dialog").close();
  for (let part = copy || target; part; part = part.parentElement) {
    part.hidden = false;
    if (part.tagName === "DETAILS") part.open = true;
  }
  (copy || target).scrollIntoView();
  return Boolean(copy);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (link && follow(link.getAttribute("href").slice(1))) event.preventDefault();
});
window.addEventListener("hashchange", () => follow(location.hash.slice(1)));
for (const id of ["find", ...Object.keys(filters)]) $(id).addEventListener("input", filter);
$("filters").addEventListener("submit", (event) => event.preventDefault());
for (const name of ["open", "close"]) {
  $(name).addEventListener("click", () => {
    for (const part of document.querySelectorAll("main details")) {
      part.open = name === "open" && !part.closest("[hidden]");
    }
  });
}
$("dialog-close").addEventListener("click", () => $("dialog").close());
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, select") || $("dialog").open) return;
  event.preventDefault();
  $("find").focus();
});
if (location.hash) follow(location.hash.slice(1));
