// Loads the content of a page for scripts that replace parts of it; null if that fails. A document that
// XMLHttpRequest parses runs nothing and loads nothing.
"use strict";
function loadPage(url) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.setRequestHeader("HX-Request", "true");
    request.responseType = "document";
    request.onload = () => resolve(request.status === 200 ? request.response : null);
    request.onerror = () => resolve(null);
    request.send();
  });
}
