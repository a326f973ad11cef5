// One-key actions, shown by `?`. Each presses a link or a button of the page, so that nothing here is
// possible that the page does not offer anyway. Keys are ignored while somebody types.
(() => {
  "use strict";
  let prefix = "";
  let current = -1;

  const typing = (element) =>
    element.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll(".row .title")];

  // In a list, the next or previous row; in a case, the next or previous case.
  function step(by) {
    if (rows().length) focusRow(by);
    else press(by > 0 ? "j" : "k");
  }
  function focusRow(step) {
    const titles = rows();
    const at = titles.indexOf(document.activeElement);
    current = Math.min(titles.length - 1, Math.max(0, (at < 0 ? current : at) + step));
    titles[current].focus();
  }

  function focusFile() {
    const files = [...document.querySelectorAll(".entry .file a[download]")];
    files[(files.indexOf(document.activeElement) + 1) % files.length]?.focus();
  }

  function press(key) {
    const target = document.querySelector(`[data-key="${key}"]`);
    if (!target) return false;
    if (target.matches("input")) target.focus();
    else target.click();
    if (target.matches("summary")) {
      target.parentElement.querySelector("textarea")?.focus();
    }
    return true;
  }

  function act(key) {
    if (prefix === "g") {
      document.querySelector(`[data-go="${key}"]`)?.click();
      return true;
    }
    switch (key) {
      case "j": step(1); return true;
      case "k": step(-1); return true;
      case "m": document.querySelector(".stage-bar .stage[name]")?.focus(); return true;
      case "f": focusFile(); return true;
      case "o": document.activeElement.closest(".row")?.querySelector(".title")?.click(); return true;
      case "x": document.activeElement.closest(".row")?.querySelector(".pick input")?.click(); return true;
      case "?": location.hash = "keyboard-help"; document.querySelector("#keyboard-help [data-close]").focus(); return true;
      case "/": case "r": case "n": case "i": case "u": return press(key);
      default: return false;
    }
  }

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.key === "Escape") {
      if (location.hash === "#keyboard-help") location.hash = "content";
      document.querySelectorAll("details.user[open]").forEach((menu) => { menu.open = false; });
      if (typing(target)) target.blur();
      return;
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && target.matches("[data-send]")) {
      event.preventDefault();
      target.form.requestSubmit(target.form.querySelector("button.primary"));
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(target)) return;
    if (act(event.key)) event.preventDefault();
    prefix = event.key === "g" && prefix !== "g" ? "g" : "";
  });

  // "Select all" ticks the boxes of its form; the menu closes when the focus leaves it.
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-pick-all]")) return;
    event.target.form.querySelectorAll(".pick input").forEach((box) => { box.checked = event.target.checked; });
  });
  document.addEventListener("click", (event) => {
    document.querySelectorAll("details.user[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  // On a phone, the navigation is a strip; the current page is in sight.
  const strip = document.querySelector(".nav");
  const here = strip?.querySelector("[aria-current]");
  if (here && strip.scrollWidth > strip.clientWidth) strip.scrollLeft = here.offsetLeft - strip.clientWidth / 2;

  // The server writes times in the zone that the browser names here.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`zone=${encodeURIComponent(zone)}`)) {
    document.cookie = `zone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=Lax`;
  }
})();
