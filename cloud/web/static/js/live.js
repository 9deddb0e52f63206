// The one live connection of a page: watches it, and keeps what a person has opened, typed or focused while fragments are swapped.
"use strict";

(() => {
  const SILENCE_MS = 16000; // three heartbeats and a bit
  let lastHeard = Date.now();
  let isLost = false;

  function show(lost) {
    const banner = document.getElementById("banner");
    const live = document.getElementById("live");
    if (!banner || !live || lost === isLost) return;
    isLost = lost;
    banner.hidden = !lost;
    live.dataset.state = lost ? "lost" : "live";
    live.querySelector("span").textContent = lost ? "Not live" : "Live";
  }

  function heard() {
    lastHeard = Date.now();
    show(false);
  }

  htmx.createEventSource = (url) => {
    const source = new EventSource(url);
    for (const name of ["hello", "change", "heartbeat"]) source.addEventListener(name, heard);
    source.addEventListener("error", () => {
      show(true);
      // Refused, not lost: whoever is signed out meanwhile is sent to sign in by any fragment.
      if (source.readyState === EventSource.CLOSED) htmx.ajax("GET", "/fragments/ingest", { swap: "none" });
    });
    return source;
  };

  setInterval(() => {
    if (Date.now() - lastHeard > SILENCE_MS) show(true);
  }, 1000);

  // Morphing leaves alone: open <details>, localised times that did not change, anything marked data-keep.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.tagName === "DETAILS");
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (oldNode, newNode) => {
    if (oldNode.nodeType !== Node.ELEMENT_NODE) return true;
    if (oldNode.hasAttribute("data-keep")) return false;
    return !(oldNode.tagName === "TIME" && oldNode.dateTime === newNode.dateTime && oldNode.title);
  };

  document.addEventListener("htmx:sendError", () => show(true));
  document.addEventListener("htmx:afterRequest", (event) => {
    const notice = document.getElementById("notice");
    const request = event.detail.xhr;
    if (!notice || !request || event.detail.requestConfig.verb === "get") return;
    notice.hidden = event.detail.successful;
    if (!event.detail.successful) notice.textContent = refusal(request);
  });

  function refusal(request) {
    try {
      return JSON.parse(request.responseText).detail;
    } catch {
      return "That did not work: the server could not be reached.";
    }
  }
})();
