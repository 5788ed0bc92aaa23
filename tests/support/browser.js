// A stand-in for a browser: as much of a page as the study's script (stdin) touches, driven by keys.
// Argument: JSON with the page's data and the keys. Prints what was shown after each key, and the CSV saved at the end.
const script = require("fs").readFileSync(0, "utf8"), parts = JSON.parse(process.argv[2]);
const element = () => ({ textContent: "", hidden: false, disabled: false, handlers: {}, children: {},
  addEventListener(kind, f) { this.handlers[kind] = f; }, click() {},
  querySelector(name) { return this.children[name] ??= element(); } });
const ids = { data: { textContent: parts.data } };
const sides = ["left", "right"].map((side) => ({ ...element(), dataset: { side } }));
const on = {};
let saved = null;
const link = element();
globalThis.document = { getElementById: (id) => ids[id] ??= element(), querySelectorAll: () => sides,
  createElement: () => link, addEventListener: (kind, f) => { on[kind] = f; } };
globalThis.window = { addEventListener() {} };
globalThis.Blob = function (content) { this.text = content.join(""); };
globalThis.URL = { createObjectURL: (blob) => { saved = blob.text; return "blob:"; }, revokeObjectURL() {} };
const seen = [];
const shown = (side) => [side.children.img.src, side.children.b.textContent];
const look = () => seen.push([ids.progress.textContent, ...sides.map(shown)]);
(0, eval)(script);
look();
for (const key of parts.keys) {
  if (key === "click right") sides[1].handlers.click();
  else on.keydown({ key, preventDefault() {} });
  look();
}
ids.download.handlers.click();
const end = { saved, name: link.download, hidden: ids.pair.hidden, result: ids.result.textContent };
console.log(JSON.stringify({ seen, ...end }));
