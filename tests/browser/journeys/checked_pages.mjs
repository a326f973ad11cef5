// The pages and forms of pages.json, which tests/unit/desk/test_checked_pages.py compares with the routes.
import { readFileSync } from "node:fs";
import { signIn } from "./browser.mjs";

const listed = JSON.parse(readFileSync(new URL("../pages.json", import.meta.url)));
export const SIGNED_OUT = listed.signed_out;
export const PATHS = Object.values(listed.pages).flat();
export const POSTED = listed.posted;

export async function signedIn(browser, watched) {
  const { context } = await watched(browser);
  const page = await context.newPage();
  await signIn(page);
  const state = await context.storageState();
  await context.close();
  return state;
}

// Send a form from a page of the desk, as a browser does.
export async function submit(page, path, fields) {
  const landed = page.waitForEvent("load");
  await page.evaluate(([path, fields]) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: path });
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      Object.assign(input, { name, value });
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  }, [path, fields]);
  await landed;
}
