// Forms that are refused still contain what was typed; with JAVASCRIPT=off, without scripts. CASE gets a
// note.
import { check, run, signIn, watched } from "./browser.mjs";

const scripted = process.env.JAVASCRIPT !== "off";
const number = process.env.CASE;
const LONG = `A text that nobody wants to write twice, JavaScript ${scripted ? "on" : "off"}`;

// The form still has each value, and the error is described by the field that has the focus.
async function refused(page, what, values, isFocused = true) {
  await page.locator("#why-refused").waitFor();
  for (const [name, value] of Object.entries(values)) {
    const field = page.locator(`main form[method="post"]:has(#why-refused) [name="${name}"]`);
    const found = await field.inputValue();
    check(found === value, `${what}: ${name} is ${JSON.stringify(found)}`);
  }
  if (isFocused) check(await page.locator("[aria-invalid]:focus").count() === 1, `${what}: the field is not focused`);
}
// Browsers check forms themselves; the desk must not depend on it.
async function trust(page) {
  if (scripted) await page.evaluate(() => document.querySelectorAll("form").forEach((form) => { form.noValidate = true; }));
}

async function operations(page) {
  await page.goto("/webhooks");
  await page.getByLabel("URL").fill("ftp://erp.office.example/in");
  await page.locator('input[name="event"]').first().check();
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await refused(page, "webhook", { url: "ftp://erp.office.example/in" });
  check(await page.locator('input[name="event"]').first().isChecked(), "webhook: the event is not ticked");
  await page.goto("/tokens");
  await page.getByLabel("Name of the token").fill("Scanner of the archive");
  for (const scope of await page.locator('input[name="scope"]:checked').all()) await scope.uncheck();
  await page.getByRole("button", { name: "Create a token" }).click();
  await refused(page, "token", { name: "Scanner of the archive" });
  await page.locator('input[name="scope"]').first().check();
  await page.getByRole("button", { name: "Create a token" }).click();
  await page.locator(".secret").waitFor();
}

async function onTheCase(page) {
  await page.goto(`/cases/${number}`);
  await page.locator("summary", { hasText: "Merge" }).click();
  await page.getByLabel("Number of the case to merge into").fill("987654");
  await page.getByRole("button", { name: "Merge" }).click();
  await refused(page, "merge", { target: "987654" });
}

// The session ends while someone writes: they sign in in another window and send the same text again.
async function signedOut(context, page) {
  await page.goto(`/cases/${number}/note`);
  await page.locator('textarea[name="text"]').fill(LONG);
  await context.clearCookies({ name: /mailcase$/ });
  if (scripted) await page.locator(".draft-state", { hasText: "your session has ended" }).waitFor();
  await page.getByRole("button", { name: "Save note" }).click();
  await page.getByRole("button", { name: "Send again" }).waitFor();
  check(await page.locator('textarea[name="text"]').inputValue() === LONG, "the note is lost");
  const [other] = await Promise.all([context.waitForEvent("page"), page.getByRole("link", { name: "Sign in" }).click()]);
  await signIn(other);
  await other.close();
  await page.getByRole("button", { name: "Send again" }).click();
  await page.locator(".entry.note", { hasText: LONG }).waitFor();
}

await run(async (browser) => {
  const { context, surprises } = await watched(browser, { javaScriptEnabled: scripted });
  const page = await context.newPage();
  await signIn(page);
  page.on("load", () => trust(page).catch(() => {}));
  await operations(page);
  await onTheCase(page);
  await signedOut(context, page);
  check(surprises.length === 0, surprises.join("\n"));
});
