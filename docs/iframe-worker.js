/* Browsers start no worker for a page opened from a file, and the search of the site is one.
   There, and only there, a hidden frame stands in for it. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.deliver = (data) => inside.dispatchEvent(new MessageEvent("message", { data }));
      const script = frame.contentDocument.createElement("script");
      script.src = url;
      script.onload = () => { this.ready = true; this.waiting.forEach((data) => this.deliver(data)); };
      script.onerror = () => this.dispatchEvent(new ErrorEvent("error", { message: "no script " + url }));
      frame.contentDocument.head.append(script);
    }
    postMessage(data) { this.ready ? this.deliver(data) : this.waiting.push(data); }
    terminate() {}
  };
}
