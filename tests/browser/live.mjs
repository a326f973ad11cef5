// What a colleague does appears in an open list and an open case by itself.
import { check, run, watched } from "./browser.mjs";

const number = process.env.CASE;

await run(async (browser) => {
  const { context, surprises } = await watched(browser);
  const page = await context.newPage();
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill("ada@office.example");
  await page.getByLabel("Password").fill(process.env.DESK_PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/todo");
  const list = await context.newPage();
  const shown = await context.newPage();
  const streaming = (target) => target.waitForResponse((response) => response.url().endsWith("/api/v1/events"));
  await Promise.all([streaming(list), list.goto("/all")]);
  await Promise.all([streaming(shown), shown.goto(`/cases/${number}`)]);
  await page.goto(`/cases/${number}/note`);
  await page.getByLabel("Note", { exact: true }).fill("Seen by a colleague at once");
  await page.getByRole("button", { name: "Save note" }).click();
  await shown.getByText("Seen by a colleague at once").waitFor();
  await list.locator(`#case-${number}`, { hasText: "2 entries" }).waitFor();
  check(surprises.length === 0, surprises.join("\n"));
});
