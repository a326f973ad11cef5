// Live pages. The desk's stream says "case N is at revision R"; whatever shows an older revision is asked
// for again: a row through htmx, a case by case.js. A burst of events becomes one request per case. After a reconnect everything
// shown is asked for again, as events may have been missed.
(() => {
  "use strict";
  const main = document.getElementById("content");
  const url = main?.dataset.live;
  if (!url || !window.EventSource) return;
  const PAUSE_MS = 250;
  const waiting = new Map();
  let timer = 0;
  let wasLost = false;

  function refresh() {
    timer = 0;
    const wanted = [...waiting];
    waiting.clear();
    for (const [number, revision] of wanted) {
      const shown = document.querySelector(`[data-case="${number}"]`);
      if (!shown || Number(shown.dataset.revision) >= revision) continue;
      if (shown.matches(".row")) renewRow(number);
      else document.dispatchEvent(new Event("mailcase:changed"));
    }
  }
  // A case that is picked stays so.
  async function renewRow(number) {
    const box = () => document.querySelector(`#case-${number} .pick input`);
    const picked = box()?.checked;
    await htmx.ajax("GET", `/cases/${number}/row${document.querySelector("[data-mixed]") ? "?mixed=true" : ""}`, { target: `#case-${number}`, swap: "outerHTML" });
    if (picked && box()) box().checked = true;
  }
  function plan(number, revision) {
    waiting.set(number, Math.max(revision, waiting.get(number) ?? 0));
    if (!timer) timer = setTimeout(refresh, PAUSE_MS);
  }
  // The numbers of the navigation, at most every three seconds.
  let counting = 0;
  function recount() {
    if (!counting) counting = setTimeout(count, 3000);
  }
  async function count() {
    counting = 0;
    const answer = await fetch("/counts").catch(() => null);
    if (!answer?.ok) return;
    for (const [name, text] of Object.entries(await answer.json())) {
      const number = document.getElementById(`count-${name}`);
      if (!number) continue;
      number.textContent = text;
      number.hidden = text === "0";
    }
  }
  function refreshAll() {
    recount();
    for (const shown of document.querySelectorAll("[data-case]")) plan(shown.dataset.case, Infinity);
  }

  // A browser opens six connections to a host at most, so hidden pages let go of theirs.
  let source = null;
  function connect() {
    if (source || document.hidden) return;
    source = new EventSource(url);
    source.addEventListener("case", (event) => {
      const { case: number, revision } = JSON.parse(event.data);
      plan(String(number), revision);
      recount();
    });
    source.addEventListener("refetch", refreshAll);
    source.addEventListener("ended", (event) => {
      if (JSON.parse(event.data).reason === "signed-out") disconnect();
    });
    source.addEventListener("open", () => { if (wasLost) refreshAll(); wasLost = false; });
    source.addEventListener("error", () => { wasLost = true; });
  }
  function disconnect() {
    source?.close();
    source = null;
    wasLost = true;
  }
  document.addEventListener("visibilitychange", () => { if (document.hidden) disconnect(); else connect(); });
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);
  connect();
})();
