// Signs in with an OpenID provider, and out of both. DESK_URL: the desk. PROVIDER_URL: the provider.
import { BASE, check, run } from "./browser.mjs";

const PROVIDER = process.env.PROVIDER_URL;

await run(async (browser) => {
  const context = await browser.newContext({ baseURL: BASE });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const errors = [];
  // The provider's own pages ask for fonts and icons that are not there.
  page.on("console", (message) => { if (/Content Security Policy/.test(message.text())) errors.push(message.text()); });
  await page.goto("/sign-in?next=/api/v1/me");
  await page.getByRole("link", { name: "Sign in with your organization" }).click();
  await page.waitForURL(`${BASE}/api/v1/me`);
  check((await page.textContent("body")).includes("anna@office.example"), "someone else is signed in");
  await page.goto("/");
  await page.locator("form[action='/sign-out'] button").evaluate((button) => button.form.requestSubmit());
  await page.waitForURL(/\/sign-in\?out=1$/);
  await page.getByRole("link", { name: "Sign out of your organization too" }).click();
  await page.waitForURL((url) => url.origin === PROVIDER);
  await page.locator("button[name=logout][value=yes], button[autofocus]").first().click();
  await page.waitForURL(`${BASE}/sign-in`);
  check(errors.length === 0, errors.join("; "));
});
