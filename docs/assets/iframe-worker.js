// Browsers start no worker for a page that was opened as a file. A hidden frame does the worker's work there, so that
// the search works. The theme's own choice, the package iframe-worker, would come from the network.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.frame = frame;
      this.ready = new Promise((resolve) => frame.addEventListener("ready", resolve));
      frame.addEventListener("message", ({ data }) => this.dispatchEvent(new MessageEvent("message", { data })));
      const page = frame.contentDocument;
      page.open();
      page.write(`<body><script>
        postMessage = (data) => frameElement.dispatchEvent(new parent.MessageEvent("message", { data }));
        </script><script src="${url}"></script><script>frameElement.dispatchEvent(new parent.Event("ready"));</script>`);
      page.close();
    }

    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
