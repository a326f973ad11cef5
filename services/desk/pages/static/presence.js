// Tells the desk that this case is open here, and shows who else has it open. A hidden page is silent, so
// that a forgotten tab does not keep colleagues from answering.
(() => {
  "use strict";
  const EVERY_MS = 10_000;
  const url = () => document.querySelector("[data-presence]")?.dataset.presence;
  let said = "";

  function doing() {
    const form = document.querySelector("form.composer");
    if (!form) return "reading";
    return form.closest(".note") ? "noting" : "answering";
  }
  async function report() {
    const place = url();
    if (!place || document.hidden) return;
    said = doing();
    try {
      const body = new URLSearchParams({ doing: said });
      const answer = await fetch(place, { method: "POST", body, headers: { "HX-Request": "true" } });
      if (!answer.ok) return;
      const shown = document.getElementById("presence");
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("presence");
      if (shown && fresh && shown.textContent.trim() !== fresh.textContent.trim()) shown.replaceChildren(...fresh.children);
    } catch { /* the next report may succeed */ }
  }
  function leave() {
    const place = url();
    if (place) navigator.sendBeacon(place, new URLSearchParams({ doing: "leaving" }));
  }
  setInterval(report, EVERY_MS);
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else report(); });
  document.addEventListener("htmx:after:swap", () => { if (doing() !== said) report(); });
  report();

  // Evidence closes on Escape and comes back with the next hover or focus (WCAG 2.2, 1.4.13).
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelectorAll(".proof").forEach((proof) => proof.classList.add("dismissed"));
  });
  for (const kind of ["pointerover", "focusin"]) {
    document.addEventListener(kind, (event) => event.target.closest?.(".proof")?.classList.remove("dismissed"));
  }
})();
