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
  // Text only: a name can hold anything.
  function show(present) {
    const place = document.getElementById("presence");
    const text = present.map((each) => each.text).join();
    if (!place || place.dataset.shown === text) return;
    place.dataset.shown = text;
    place.replaceChildren(...present.map((each) => {
      const here = document.createElement("span");
      here.className = `here ${each.doing}`;
      const avatar = document.createElement("span");
      avatar.className = "avatar";
      avatar.ariaHidden = "true";
      avatar.textContent = each.initials;
      here.append(avatar, each.text);
      return here;
    }));
  }
  async function report() {
    const place = url();
    if (!place || document.hidden) return;
    said = doing();
    try {
      const body = new URLSearchParams({ doing: said });
      const answer = await fetch(place, { method: "POST", body });
      if (answer.ok) show((await answer.json()).present);
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
