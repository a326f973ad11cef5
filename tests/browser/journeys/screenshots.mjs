// The screenshots of the README, from the demo's data:
//   make demo ARGS=--keep
//   node tests/browser/journeys/screenshots.mjs 'http://127.0.0.1:PORT/welcome?token=…' docs/images
import { mkdirSync } from "node:fs";
import { start } from "./browser.mjs";

const [link, folder] = process.argv.slice(2);
const base = new URL(link).origin;
mkdirSync(folder, { recursive: true });

const browser = await start();
const context = await browser.newContext({
  baseURL: base, locale: "en-GB", timezoneId: "Europe/Warsaw", colorScheme: "light",
  viewport: { width: 1180, height: 720 },
});
const page = await context.newPage();
await page.goto(link);
await page.fill("input[name=name]", "Anna Nowak");
await page.fill("input[name=address]", "anna@office.example");
for (const password of await page.locator("input[type=password]").all()) await password.fill("correct-horse-battery");
await page.locator("main form button, form button").first().click();
await page.waitForURL((url) => !url.pathname.startsWith("/welcome"));
await page.goto("/all");
await page.screenshot({ path: `${folder}/desk-list.png` });
await page.goto("/closed");
await page.locator("a[href^='/cases/']").first().click();
await page.waitForLoadState();
await page.screenshot({ path: `${folder}/desk-case.png` });
await browser.close();
