// Keeps a page current without taking anything away from whoever works on it.
//
// The server says that something changed (/events); the part of the page that lives is fetched and morphed into place:
// elements that stay keep their identity, so that a click, the focus, half-typed text, an open <details> and the place
// to which one has scrolled are not lost. While a button or key is held down nothing is touched, and for a moment after
// the pointer has come over something that can be pressed nothing moves away from under it. Without this script the
// page works and is as old as its last loading.
"use strict";
(function () {
  const live = document.querySelector("[data-live]");
  const stale = document.getElementById("stale");
  const ahead = Date.now() / 1000 - Number(document.body.dataset.now || Date.now() / 1000);
  const touched = new WeakSet(); // fields that somebody has changed
  const HELD_MS = 5000; // a press that never ends, because the pointer left the window, does not stop the page for ever
  const AIMING_MS = 800;
  const PRESSABLE = "button, a, summary, label, input, select, textarea";
  let held = 0, aimed = 0, wanted = false, busy = false, last = new Date();

  const field = (node) => (node.closest ? node.closest("input, select, textarea") : null);
  const isTouched = (node) => { const f = field(node); return Boolean(f) && touched.has(f); };
  const holdsTouched = (node) => node.querySelectorAll
    && [node, ...node.querySelectorAll("input, select, textarea")].some((n) => touched.has(n));
  const released = () => Date.now() - held > HELD_MS && Date.now() - aimed > AIMING_MS;

  function say(text) {
    if (stale) { stale.hidden = !text; stale.textContent = text; }
  }

  const old = (why) => say(`This is as of ${last.toLocaleTimeString()}: ${why}.`);

  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, (e) => { const f = field(e.target); if (f) { touched.add(f); } }, true);
  }
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => { held = Date.now(); }, true);
  }
  document.addEventListener("pointermove", (e) => {
    const over = e.target.closest ? e.target.closest(PRESSABLE) : null;
    if (over && live && live.contains(over)) { aimed = Date.now(); }
  }, { capture: true, passive: true });
  // The click comes after the release, in the same turn: wait until it was seen.
  const release = () => setTimeout(() => { held = 0; if (wanted) { refresh(); } }, 0);
  for (const kind of ["pointerup", "pointercancel", "keyup", "dragend"]) {
    window.addEventListener(kind, release, true);
  }
  window.addEventListener("blur", (e) => { if (e.target === window) { release(); } });

  const callbacks = {
    beforeAttributeUpdated: (name, node) => {
      if (name === "open" && node.tagName === "DETAILS") { return false; }
      return !(["value", "checked", "selected"].includes(name) && isTouched(node));
    },
    beforeNodeRemoved: (node) => !holdsTouched(node), // what somebody types stays, even when its question is over
  };

  let waiting = 0;
  function later() {
    wanted = true;
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (wanted) { refresh(); } }, AIMING_MS);
  }

  async function refresh() {
    if (busy || !released()) { later(); return; }
    busy = true;
    wanted = false;
    try {
      const answer = await fetch(live.dataset.live, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.status === 401) {
        say("Your session is over. Load the page again to log in.");
        events.close();
        return;
      }
      if (!answer.ok) { old(`the server answers ${answer.status}`); return; }
      const text = await answer.text();
      if (!released()) { later(); return; } // pressed meanwhile
      Idiomorph.morph(live, text, { morphStyle: "innerHTML", restoreFocus: true, callbacks });
      last = new Date();
      say("");
      tick();
    } catch (error) {
      old("the server does not answer");
    } finally {
      busy = false;
    }
    if (wanted && released()) { refresh(); }
  }

  // Durations count on between two looks: "12m 3s", as the server writes them.
  function duration(seconds) {
    const parts = [];
    let left = Math.max(0, Math.round(seconds));
    for (const [name, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
      const count = Math.floor(left / size);
      left -= count * size;
      if (count) { parts.push(count + name); }
    }
    return parts.slice(0, 2).join(" ") || "0s";
  }
  function tick() {
    const now = Date.now() / 1000 - ahead;
    const put = (node, text) => { if (node.textContent !== text) { node.textContent = text; } };
    document.querySelectorAll("[data-since]").forEach((n) => put(n, duration(now - Number(n.dataset.since))));
    document.querySelectorAll("[data-until]").forEach((n) => put(n, duration(Number(n.dataset.until) - now)));
  }
  setInterval(tick, 1000);

  if (!live || !window.EventSource) { return; }
  const events = new EventSource("/events");
  events.addEventListener("changed", refresh);
  events.addEventListener("open", () => { if (stale && !stale.hidden) { refresh(); } });
  events.addEventListener("error", () => old("the line to the server is lost"));
})();
