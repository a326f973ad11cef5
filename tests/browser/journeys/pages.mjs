// Every page, checked by axe, and never wider than the window. COMBINATIONS selects language-theme-width.
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { BASE, check, run, watched } from "./browser.mjs";
import { PATHS, POSTED, SIGNED_OUT, signedIn, submit } from "./checked_pages.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const combinations = process.env.COMBINATIONS.split(" ").map((text) => text.split("-"));
const shots = process.env.SHOTS;
async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).slice(0, 4).join(", ")}`);
}

await run(async (browser) => {
  const storageState = await signedIn(browser, watched);
  const problems = [];
  for (const [language, theme, width] of combinations) {
    const { context, surprises } = await watched(browser, {
      storageState, colorScheme: theme, viewport: { width: Number(width), height: 900 }, reducedMotion: "reduce",
    });
    await context.addCookies([
      { name: "language", value: language, url: BASE }, { name: "theme", value: theme, url: BASE },
    ]);
    const page = await context.newPage();
    for (const [index, [path, fields]] of [...PATHS.map((path) => [path]), ...POSTED, ...SIGNED_OUT.map((path) => [path])].entries()) {
      // ONE_EACH spreads the pages over the combinations.
      const mine = index % combinations.length === combinations.findIndex((each) => each.join() === [language, theme, width].join());
      if (process.env.ONE_EACH && !mine) continue;
      if (SIGNED_OUT.includes(path)) await context.clearCookies({ name: /mailcase$/ });
      await page.goto(fields ? "/account" : path);
      if (fields) await submit(page, path, fields);
      const where = `${path} ${language} ${theme} ${width}`;
      await page.evaluate(() => document.querySelectorAll("details:not(.user)").forEach((part) => { part.open = true; }));
      for (const text of await violations(page)) problems.push(`${where}: ${text}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 0) problems.push(`${where}: ${overflow} px wider than the window`);
      const title = await page.title();
      if (title === "owned") problems.push(`${where}: a script of a mail ran`);
      if (shots) {
        mkdirSync(shots, { recursive: true });
        await page.screenshot({ path: `${shots}/${path.replace(/\W+/g, "_").slice(0, 30)}-${language}-${theme}-${width}.png`, fullPage: true });
      }
    }
    problems.push(...surprises);
    await context.close();
  }
  check(problems.length === 0, problems.join("\n"));
});
