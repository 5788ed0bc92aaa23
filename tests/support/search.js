// A stand-in for a browser: as much of a page as docs/assets/iframe-worker.js touches, for the theme's search.
// Arguments: the folder of a site, words. Prints the pages that the search finds when the site is opened as a file.
const fs = require("fs"), vm = require("vm"), [site, words] = process.argv.slice(2);
const worker = `${site}/assets/javascripts/workers/` +
  fs.readdirSync(`${site}/assets/javascripts/workers`).find((name) => /^search.*\.js$/.test(name));

class Frame extends EventTarget {
  constructor() {
    super();
    this.contentWindow = new EventTarget();
    this.contentDocument = { open: () => { this.html = ""; }, write: (html) => { this.html += html; }, close: () => this.run() };
  }
  run() {
    const inside = Object.assign(this.contentWindow, { parent: globalThis, frameElement: this, console, setTimeout });
    inside.addEventListener = inside.addEventListener.bind(inside);
    inside.document = { querySelector: () => ({ src: worker }) };
    inside.self = inside.window = inside;
    vm.createContext(inside);
    for (const [, source, code] of this.html.matchAll(/<script(?: src="(.*?)")?>([^]*?)<\/script>/g)) {
      vm.runInContext(source ? fs.readFileSync(source, "utf8") : code, inside);
    }
  }
}

globalThis.window = globalThis;
globalThis.location = { protocol: "file:" };
globalThis.document = { createElement: () => new Frame(), body: { append() {} } };
(0, eval)(fs.readFileSync(`${site}/assets/iframe-worker.js`, "utf8"));
(0, eval)(fs.readFileSync(`${site}/search/search_index.js`, "utf8").replace("var __index", "globalThis.__index"));
const search = new Worker(worker);
search.addEventListener("message", ({ data: { type, data } }) => {
  if (type === 1) search.postMessage({ type: 2, data: words });
  if (type === 3) console.log(JSON.stringify(data.items.map((found) => found[0].location)));
});
search.postMessage({ type: 0, data: { ...__index, options: { suggest: false } } });
