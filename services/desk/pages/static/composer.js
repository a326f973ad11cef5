// What a form for answers and notes cannot do by itself: keep a draft every few seconds, take files by
// drop and paste with progress, insert ready-made texts. Without it the same form works by its buttons.
(() => {
  "use strict";
  const PAUSE_MS = 2000;

  function fileRow(file) {
    const row = document.createElement("li");
    row.className = "file";
    const name = document.createElement("span");
    name.textContent = file.name;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    row.append(name, bar);
    return { row, bar };
  }

  // A tick that takes the file out of the form again.
  function attach(row, id) {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.name = "upload";
    box.value = id;
    box.checked = true;
    const label = document.createElement("label");
    label.className = "check";
    label.append(box, row.querySelector("span"));
    row.prepend(label);
  }

  // A form that is sent while its files are on the way waits for them.
  const waiting = new WeakMap();
  function sendWaiting(form) {
    const button = waiting.get(form);
    if (!button || form.querySelector(".uploads progress")) return;
    waiting.delete(form);
    form.requestSubmit(button);
  }
  function fail(form, row, why) {
    waiting.delete(form);
    form.querySelector(".draft-state").textContent = "";
    row.querySelector("progress").remove();
    row.classList.add("failure");
    row.append(` ${why}`);
  }

  function upload(form, file) {
    const { row, bar } = fileRow(file);
    form.querySelector(".uploads").append(row);
    const request = new XMLHttpRequest();
    const query = new URLSearchParams({ name: file.name, content_type: file.type || "application/octet-stream" });
    request.open("POST", `${form.dataset.uploads}?${query}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; };
    request.onload = () => {
      if (request.status !== 201) {
        const why = { 409: form.dataset.tooMany, 413: form.dataset.tooLarge }[request.status];
        fail(form, row, why ?? form.dataset.notAdded);
        return;
      }
      bar.remove();
      attach(row, JSON.parse(request.responseText).id);
      changed(form);
      sendWaiting(form);
    };
    request.onerror = () => fail(form, row, form.dataset.notAdded);
    request.send(file);
  }

  function take(form, files) { for (const file of files) upload(form, file); }

  async function save(form) {
    const data = new FormData(form);
    data.delete("file");
    data.delete("snippet");
    data.set("do", "draft");
    const state = form.querySelector(".draft-state");
    try {
      const answer = await fetch(form.dataset.draft, { method: "POST", body: new URLSearchParams(data) });
      if (answer.status === 409) { // what another window saved stays; Send or Save draft shows both texts
        state.textContent = state.dataset.refused;
        return;
      }
      if (answer.status === 401) { // the next attempt succeeds after they sign in elsewhere
        state.textContent = state.dataset.signedOut;
        schedule(form);
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const time = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
      state.textContent = state.dataset.saved.replace("{time}", time);
      form.dataset.clean = "true";
    } catch {
      state.textContent = state.dataset.unsaved;
      schedule(form);
    }
  }

  const timers = new WeakMap();
  function schedule(form) {
    clearTimeout(timers.get(form));
    timers.set(form, setTimeout(() => save(form), PAUSE_MS));
  }
  function changed(form) {
    form.dataset.clean = "";
    schedule(form);
  }

  const composer = (target) => target.closest?.("form.composer");

  document.addEventListener("input", (event) => {
    const form = composer(event.target);
    if (form && event.target.type !== "file") changed(form);
  });
  document.addEventListener("change", (event) => {
    const form = composer(event.target);
    if (!form || event.target.type !== "file") return;
    take(form, event.target.files);
    event.target.value = "";
  });
  document.addEventListener("paste", (event) => {
    const form = composer(event.target);
    if (form && event.clipboardData.files.length) {
      event.preventDefault();
      take(form, event.clipboardData.files);
    }
  });
  for (const kind of ["dragover", "drop", "dragleave"]) {
    document.addEventListener(kind, (event) => {
      const form = composer(event.target);
      if (!form || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      form.querySelector(".drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop") take(form, event.dataTransfer.files);
    });
  }
  document.addEventListener("submit", (event) => {
    const form = composer(event.target);
    if (!form) return;
    clearTimeout(timers.get(form));
    if (!form.querySelector(".uploads progress") || !["send", "save"].includes(event.submitter?.value)) return;
    event.preventDefault();
    waiting.set(form, event.submitter);
    form.querySelector(".draft-state").textContent = form.dataset.waits;
  });
  document.addEventListener("click", (event) => {
    const form = composer(event.target);
    if (!form) return;
    if (event.target.matches("[data-only-author]")) {
      form.querySelectorAll(".recipient input").forEach((box) => {
        box.checked = ["author", "reply-to"].includes(box.dataset.reason);
      });
      changed(form);
    }
    if (event.target.matches("[data-insert]")) {
      event.preventDefault();
      const text = form.querySelector("textarea");
      text.setRangeText(form.querySelector("[data-snippet]").selectedOptions[0].dataset.text, text.selectionStart, text.selectionEnd, "end");
      text.focus();
      changed(form);
    }
  });
  const reveal = (root) => root.querySelectorAll(".needs-script").forEach((part) => { part.hidden = false; });
  reveal(document);
  document.addEventListener("htmx:after:swap", () => {
    reveal(document);
    const text = document.querySelector("#write form.composer textarea");
    if (text && !text.value && !document.activeElement.closest("form.composer")) text.focus();
  });
})();
