// Changes by a colleague appear in an open list and an open case without a reload.
import { check, run, signIn, watched } from "./browser.mjs";

const number = process.env.CASE;

await run(async (browser) => {
  const { context, surprises } = await watched(browser);
  const page = await context.newPage();
  await signIn(page);
  const list = await context.newPage();
  const shown = await context.newPage();
  const typing = await context.newPage();
  const streaming = (target) => target.waitForResponse((response) => response.url().endsWith("/api/v1/events"));
  await Promise.all([streaming(list), list.goto("/all")]);
  await Promise.all([streaming(shown), shown.goto(`/cases/${number}`)]);
  await Promise.all([streaming(typing), typing.goto(`/cases/${number}`)]);
  await typing.locator('[data-part="edit"] summary').first().click();
  await typing.locator('input[name="title"]').fill("A better title");
  await list.locator(`#case-${number} .pick`).click();
  await page.goto(`/cases/${number}/note`);
  await page.getByLabel("Note", { exact: true }).fill("Seen by a colleague at once");
  await page.getByRole("button", { name: "Save note" }).click();
  await shown.getByText("Seen by a colleague at once").waitFor();
  await list.locator(`#case-${number}`, { hasText: "2 entries" }).waitFor();
  check(await list.locator(`#case-${number} .pick input`).isChecked(), "the case is not picked any more");
  // Forms that were there before the note go through after it, with what was typed in them.
  await typing.getByText("Seen by a colleague at once").waitFor();
  await typing.locator('[data-part="edit"] button', { hasText: "Save" }).first().click();
  await typing.getByRole("heading", { level: 1, name: "A better title" }).waitFor();
  await shown.getByRole("heading", { level: 1, name: "A better title" }).waitFor();
  await shown.getByRole("button", { name: /Move to .*approval/ }).click();
  await shown.locator(".stage-now").getByText("approval").waitFor();
  await list.locator(`#case-${number} .chips`, { hasText: "Approval" }).waitFor();
  check(surprises.length === 0, surprises.join("\n"));
});
