// Debian's Chromium with a new profile, without anything that talks to the internet by itself.
import { chromium } from "playwright-core";

export const BASE = process.env.DESK_URL;
export const PROGRAM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function start() {
  return chromium.launch({
    executablePath: PROGRAM,
    headless: true,
    args: ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--no-first-run"],
  });
}

// A context whose every surprise is recorded: requests to other hosts, errors in the console, scripts that ran.
export async function watched(browser, options = {}) {
  const surprises = [];
  const context = await browser.newContext({ baseURL: BASE, locale: "en-GB", timezoneId: "Europe/Warsaw", ...options });
  context.setDefaultTimeout(60_000);
  context.on("request", (request) => {
    if (!request.url().startsWith(BASE) && !request.url().startsWith("data:")) surprises.push(`request to ${request.url()}`);
  });
  context.on("console", (message) => {
    // An answer that refuses something is an error in the console too; pages show it on purpose. A script in a
    // framed mail is reported as blocked, which is what the frame is for.
    const expected = /status of 4\d\d|Blocked script execution in '[^']+\/mail' because the document's frame is sandboxed/;
    if (message.type() === "error" && !expected.test(message.text())) surprises.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => surprises.push(`error: ${error.error()}`));
  context.on("dialog", (dialog) => { surprises.push("a dialog"); dialog.dismiss(); });
  return { context, surprises };
}

// Sign in, and wait for the first page.
export async function signIn(page, address = "ada@office.example") {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill(address);
  await page.getByLabel("Password").fill(process.env.DESK_PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/todo");
}

export function check(condition, text) {
  if (!condition) throw new Error(text);
}

export async function run(main) {
  const browser = await start();
  try {
    await main(browser);
    console.log("done");
  } catch (error) {
    console.error(error.stack ?? String(error));
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}
