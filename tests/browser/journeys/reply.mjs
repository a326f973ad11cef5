// A customer's mail appears in an open case without a reload, and the text that is being written stays.
import { check, run, signIn, watched } from "./browser.mjs";

await run(async (browser) => {
  const { context, surprises } = await watched(browser);
  const page = await context.newPage();
  await signIn(page);
  const streaming = page.waitForResponse((response) => response.url().endsWith("/api/v1/events"));
  await page.goto(`/cases/${process.env.CASE}`);
  await streaming;
  await page.keyboard.press("n");
  await page.getByLabel("Note", { exact: true }).fill("half a sen");
  await page.getByText("Here is the missing page").waitFor();
  check(await page.getByLabel("Note", { exact: true }).inputValue() === "half a sen", "what was written is gone");
  check(surprises.length === 0, surprises.join("\n"));
});
