// The list that a case was opened from: "back" leads there, and its next and previous cases are one key or
// one click away. Without it, "back" leads to the list "To do".
(() => {
  "use strict";
  const KEY = "mailcase:list";

  function remember() {
    const paths = [...document.querySelectorAll(".row[data-case] .title, main form.search ~ .rows .title")].map((link) => link.pathname);
    if (!paths.length) return;
    const list = { href: document.getElementById("content").dataset.here || location.pathname + location.search, cases: [...new Set(paths)] };
    sessionStorage.setItem(KEY, JSON.stringify(list));
  }
  // A refused form is shown with its page, under the URL that it was sent to.
  const here = document.getElementById("content").dataset.here || location.pathname;
  function show() {
    const crumbs = document.querySelector(".case .crumbs");
    if (!crumbs) return;
    const list = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    const at = list?.cases.indexOf(here) ?? -1;
    if (at < 0) return;
    crumbs.querySelector(".back").href = list.href;
    for (const [key, path] of [["k", list.cases[at - 1]], ["j", list.cases[at + 1]]]) {
      const link = crumbs.querySelector(`[data-key="${key}"]`);
      if (path) link.href = path;
      link.hidden = !path;
    }
    // After an action, the next case is where the reader looks.
    const done = document.querySelector(".message.good");
    const next = crumbs.querySelector('[data-key="j"]');
    if (!done || next.hidden) return;
    const button = next.cloneNode(true);
    delete button.dataset.key;
    button.className = "button";
    done.append(button);
  }
  remember();
  show();
  document.addEventListener("htmx:after:swap", remember);
})();
