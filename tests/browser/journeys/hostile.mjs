// Hostile mails in lists, case pages and frames: nothing in them runs, fetches anything, or leaves its frame.
import { check, run, signIn, watched } from "./browser.mjs";

const [from, to] = process.env.CASES.split(" ").map(Number);

// What no page of ours has: code in attributes, scripts without our nonce, forms to elsewhere, foreign things.
const foreign = () => [...document.querySelectorAll("*")].filter((element) =>
  [...element.attributes].some(({ name, value }) => /^on/.test(name) || /^\s*javascript:/i.test(value)) ||
  (element.localName === "script" && !element.nonce) ||
  ["object", "embed", "base", "marquee"].includes(element.localName) ||
  (element.localName === "form" && new URL(element.action).origin !== location.origin),
).map((element) => element.outerHTML.slice(0, 200));

await run(async (browser) => {
  const { context, surprises } = await watched(browser);
  await context.addInitScript(() => { window.alert = () => { document.title = "owned"; }; });
  const page = await context.newPage();
  await signIn(page);
  let frames = 0;
  const look = async (path) => {
    await page.goto(path);
    await page.evaluate(() => document.querySelectorAll("details:not(.user)").forEach((part) => { part.open = true; }));
    for (const frame of await page.locator("iframe").all()) {
      await frame.scrollIntoViewIfNeeded();
      frames += 1;
      const sandbox = await frame.getAttribute("sandbox");
      check(!/allow-(scripts|same-origin|forms|top)/.test(sandbox), `${path}: sandbox ${sandbox}`);
    }
    await page.waitForLoadState("networkidle");
    const found = await page.evaluate(foreign);
    check(found.length === 0, `${path}: ${found.join("\n")}`);
    check(/· Mailcase$/.test(await page.title()), `${path}: the title is ${await page.title()}`);
    check(new URL(page.url()).pathname === path.split("?")[0], `${path} led to ${page.url()}`);
    check(await page.locator("nav.nav").isVisible(), `${path}: the navigation is covered`);
  };
  await look("/all");
  for (let number = from; number <= to; number += 1) await look(`/cases/${number}`);
  console.log(`${to - from + 1} cases, ${frames} framed mails`);
  check(frames >= Number(process.env.FRAMES), `only ${frames} mails were framed`);
  for (const link of await page.locator(".file a[download]").all()) {
    const waiting = page.waitForEvent("download");
    await link.click();
    const name = (await waiting).suggestedFilename();
    check(!/[/\\\r\n\u202e<>"]/.test(name), `the download is named ${JSON.stringify(name)}`);
  }
  check(surprises.length === 0, surprises.join("\n"));
});
