// Keeps an open case current. When its revision changes, the page is asked for again and each of its parts
// that differs is replaced. What someone types stays: their form takes over the new revision and the values
// that they did not touch. If they and a colleague changed the same value, the form keeps its old revision,
// and the desk refuses it. The forms for answers and notes are left alone: the desk itself compares what the
// writer saw with what came since.
(() => {
  "use strict";
  const KEYED = "[data-part], .entry";
  const keyOf = (part) => part.dataset.part ?? part.id;
  const sources = new WeakMap();

  const remember = (part) => { sources.set(part, part.outerHTML); return part; };
  const initial = (control) => {
    if (control.matches("select")) {
      return ([...control.options].find((option) => option.defaultSelected) ?? control.options[0])?.value;
    }
    return control.type === "checkbox" ? String(control.defaultChecked) : control.defaultValue;
  };
  const current = (control) => (control.type === "checkbox" ? String(control.checked) : control.value);
  const controls = (root) => [...root.querySelectorAll("input:not([type=hidden]), select, textarea")];
  const isTouched = (control) => control === document.activeElement || current(control) !== initial(control);

  // What a refused form contains is what someone typed, until they send it again.
  const isRefused = (root) => root.querySelector("#why-refused") !== null;

  // The values and the revision of `next`, unless what someone types was changed by another.
  function takeOver(form, next) {
    if (isRefused(form)) return;
    const pairs = controls(form).map((control) => [control, next.elements.namedItem(control.name)]);
    const changed = pairs.filter(([control, other]) => !other || initial(control) !== initial(other));
    if (changed.some(([control, other]) => !other || isTouched(control))) return;
    for (const [control, other] of changed) control.replaceWith(other.cloneNode(true));
    const revision = form.elements.namedItem("revision");
    if (revision) revision.value = next.elements.namedItem("revision")?.value ?? revision.value;
  }
  function focusAgain(part, { name, value, href }) {
    const same = (each) => each.name === name && each.value === value && each.href === href;
    [...part.querySelectorAll("a, button, summary")].find(same)?.focus();
  }
  function renew(part, next) {
    if (sources.get(part) === next.outerHTML) return part;
    if (isRefused(part) || controls(part).some(isTouched)) {
      for (const form of part.querySelectorAll("form")) {
        const other = [...next.querySelectorAll("form")].find((each) => each.getAttribute("action") === form.getAttribute("action") && each.elements.length === form.elements.length);
        if (other) takeOver(form, other);
      }
      return part;
    }
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    remember(next);
    const opened = [...part.querySelectorAll("details")].map((each) => each.open);
    next.querySelectorAll("details").forEach((each, index) => { each.open ||= opened[index] ?? false; });
    part.replaceWith(next);
    if (focused) focusAgain(next, focused);
    return next;
  }
  // Parts that stay are not moved: a frame that moves loads its mail again.
  function renewAll(place, next) {
    const left = new Map([...place.children].filter((each) => each.matches(KEYED)).map((each) => [keyOf(each), each]));
    let last = null;
    for (const other of [...next.children].filter((each) => each.matches(KEYED))) {
      const part = left.get(keyOf(other));
      left.delete(keyOf(other));
      if (part) last = renew(part, other);
      else {
        remember(other);
        if (last) last.after(other);
        else place.prepend(other);
        last = other;
      }
    }
    for (const gone of left.values()) gone.remove();
  }
  const page = () => document.querySelector("article.case");
  document.querySelectorAll("article.case :is([data-part], .entry)").forEach(remember);

  document.addEventListener("mailcase:changed", async () => {
    const loaded = await loadPage(document.getElementById("content").dataset.here || location.pathname + location.search);
    const next = loaded?.querySelector("article.case");
    const shown = page();
    if (!shown || !next || Number(next.dataset.revision) < Number(shown.dataset.revision)) return;
    for (const place of [".case-head", "#entries", ".case-side"]) {
      renewAll(shown.querySelector(place), next.querySelector(place));
    }
    shown.dataset.revision = next.dataset.revision;
  });
})();
