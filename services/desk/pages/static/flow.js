// The picture of the flow renews itself every few seconds while someone looks at it: the page is asked for
// again, and its parts are replaced. What is folded out stays so, and the focus stays where it is.
(() => {
  "use strict";
  const EVERY_MS = 5000;
  const parts = () => [...document.querySelectorAll("[data-renew]")];

  function renew(part, next) {
    const unfolded = [...part.querySelectorAll("details")].map((each) => each.open);
    next.querySelectorAll("details").forEach((each, index) => { each.open = unfolded[index] ?? false; });
    if (part.isEqualNode(next)) return;
    const places = [...part.querySelectorAll("summary, [tabindex]")];
    const focused = places.indexOf(document.activeElement);
    part.replaceWith(next);
    if (focused >= 0) next.querySelectorAll("summary, [tabindex]")[focused]?.focus({ preventScroll: true });
  }
  setInterval(async () => {
    if (document.hidden || parts().length === 0) return;
    const loaded = await loadPage(location.pathname + location.search);
    for (const part of parts()) {
      const next = loaded?.getElementById(part.id);
      if (next) renew(part, next);
    }
  }, EVERY_MS);
})();
