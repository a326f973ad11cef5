// The flow renews itself: a mail that is parked while someone looks at it is counted without a reload. What is
// folded out stays so, and the focus stays.
import { check, run, signIn, watched } from "./browser.mjs";

const PARKED = '#flow-now tr[data-node="parked"] td';

await run(async (browser) => {
  const { context, surprises } = await watched(browser);
  const page = await context.newPage();
  await signIn(page);
  await page.goto("/flow");
  const before = await page.locator(PARKED).first().textContent();
  const table = page.locator("#flow-now summary");
  await table.click();
  await page.waitForFunction(([cell, text]) => document.querySelector(cell).textContent !== text, [PARKED, before]);
  check(await page.locator("#flow-now details").getAttribute("open") !== null, "the table is folded again");
  check(await table.evaluate((element) => element === document.activeElement), "the focus is lost");
  check(surprises.length === 0, surprises.join("\n"));
});
