// Every page and every response to a form, checked against the HTML standard. LANGUAGES is "en pl"; with
// ONE_EACH, each page is checked in one of them.
import { HtmlValidate } from "html-validate";
import { BASE, check, run, watched } from "./browser.mjs";
import { PATHS, POSTED, SIGNED_OUT, signedIn } from "./checked_pages.mjs";

const validator = new HtmlValidate({
  extends: ["html-validate:standard", "html-validate:a11y"],
  rules: {
    "no-implicit-button-type": "off", // a button sends its form, which is the default
    "aria-label-misuse": ["error", { allowAnyNamable: true }], // lists may have names
  },
});

await run(async (browser) => {
  const states = [await signedIn(browser, watched), undefined];
  const problems = [];
  let pages = 0;
  const languages = process.env.LANGUAGES.split(" ");
  for (const [turn, language] of languages.entries()) {
    for (const storageState of states) {
      const { context } = await watched(browser, { storageState });
      await context.addCookies([{ name: "language", value: language, url: BASE }]);
      const look = async (response, path) => {
        const report = await validator.validateString(await response.text());
        pages += 1;
        for (const { line, column, message, ruleId } of report.results.flatMap((result) => result.messages)) {
          problems.push(`${path} ${language} ${response.status()} at ${line}:${column}: ${message} (${ruleId})`);
        }
      };
      const mine = (_, index) => !process.env.ONE_EACH || index % languages.length === turn;
      for (const path of (storageState ? PATHS : SIGNED_OUT).filter(mine)) await look(await context.request.get(path), path);
      for (const [path, form] of (storageState ? POSTED : []).filter(mine)) {
        await look(await context.request.post(path, { form, headers: { origin: BASE } }), `POST ${path}`);
      }
      const elsewhere = { form: {}, headers: { origin: "https://elsewhere.example" } };
      await look(await context.request.post("/preferences", elsewhere), "POST /preferences from elsewhere");
      await context.close();
    }
  }
  console.log(`${pages} pages`);
  check(problems.length === 0, problems.join("\n"));
});
