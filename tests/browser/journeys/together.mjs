// Two people work together: presence, a conflict, files, undo, operations, language and theme, and the keyboard alone.
import { readFileSync } from "node:fs";
import { check, run, signIn, watched } from "./browser.mjs";

const password = process.env.DESK_PASSWORD;
const [first, second] = process.env.CASES.split(" ");

async function person(browser, address) {
  const { context, surprises } = await watched(browser);
  const page = await context.newPage();
  if (address === undefined) {
    await page.goto(process.env.COLLEAGUE);
    await page.getByLabel("New password").fill(password);
    await page.getByLabel("Repeat the password").fill(password);
    await page.getByRole("button", { name: "Set password" }).click();
    await page.waitForURL("**/todo");
  } else {
    await signIn(page, address);
  }
  return { context, page, surprises };
}

async function conflict(ada, anna) {
  await anna.page.goto(`/cases/${first}`);
  await anna.page.keyboard.press("r");
  await anna.page.locator('textarea[name="text"]').fill("Anna's answer");
  await anna.page.locator(".draft-state", { hasText: "Draft saved" }).waitFor();
  await ada.page.goto(`/cases/${first}`);
  await ada.page.locator(".here", { hasText: "Anna Nowak is writing an answer" }).waitFor();
  await ada.page.keyboard.press("n");
  await ada.page.getByLabel("Note", { exact: true }).fill("Wait, I called them");
  await ada.page.locator('input[type="file"]').setInputFiles({ name: "żółty plik.txt", mimeType: "text/plain", buffer: Buffer.from("ten litres") });
  await ada.page.locator('input[name="upload"]').waitFor({ state: "attached" });
  await ada.page.keyboard.press("Control+Enter");
  await ada.page.locator(".entry.note", { hasText: "I called them" }).waitFor();
  await anna.page.getByRole("button", { name: "Send", exact: true }).click();
  await anna.page.getByRole("alert").waitFor();
  await anna.page.locator(".newer", { hasText: "I called them" }).waitFor();
  const kept = await anna.page.locator('textarea[name="text"]').inputValue();
  check(kept === "Anna's answer", `the draft was lost: ${kept}`);
  await anna.page.getByRole("button", { name: "Send", exact: true }).click();
  await anna.page.locator(".entry.waiting", { hasText: "Anna's answer" }).waitFor();
}

async function download({ page }) {
  const waiting = page.waitForEvent("download");
  await page.locator(".file a", { hasText: "żółty plik.txt" }).first().click();
  const file = await waiting;
  check(file.suggestedFilename() === "żółty plik.txt", file.suggestedFilename());
  check(readFileSync(await file.path(), "utf8") === "ten litres", "the content differs");
}

async function undo({ page }) {
  await page.goto("/all");
  for (const number of [first, second]) await page.locator(`#case-${number} .pick`).click();
  await page.getByRole("button", { name: "Close cases" }).click();
  await page.getByText("2 cases changed.").waitFor();
  check(await page.locator(`#case-${second}`).count() === 0, "the case is still among the open ones");
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("2 cases were restored.").waitFor();
  await page.locator(`#case-${second}`).waitFor();
}

async function operations({ page }) {
  await page.goto("/parked");
  await page.locator(".row .title").first().click();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Requested.").waitFor();
  await page.goto("/mailboxes");
  await page.getByRole("button", { name: "Test the log-in" }).first().click();
  await page.getByText("The log-in failed").first().waitFor();
  await page.goto("/dead");
  await page.getByRole("heading", { name: "No dead letters" }).waitFor();
}

async function detach({ page }) {
  await page.goto(`/cases/${first}`);
  await page.locator("summary", { hasText: "Merge" }).click();
  await page.getByLabel("Number of the case to merge into").fill(second);
  await page.getByRole("button", { name: "Merge", exact: true }).click();
  await page.getByText("This case was merged into").waitFor();
  await page.getByRole("button", { name: "Undo the merge" }).click();
  await page.getByText("This case was merged into").waitFor({ state: "detached" });
  await page.goto("/people");
  const button = page.getByRole("button", { name: /Detach identity\s*: Marek/ });
  await button.click();
  await button.waitFor({ state: "detached" });
  await page.getByRole("row", { name: "Marek" }).waitFor();
}

async function preferences({ page }) {
  await page.goto("/todo");
  await page.locator(".user summary").click();
  await page.getByRole("button", { name: "Polski" }).click();
  await page.getByRole("heading", { name: "Do zrobienia" }).waitFor();
  await page.locator(".user summary").click();
  await page.getByRole("button", { name: "Ciemny" }).click();
  await page.locator('html[lang="pl"][data-theme="dark"]').waitFor();
  const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  check(ground === "rgb(16, 19, 22)", `dark is ${ground}`);
}

// Where the focus is must be seen at every step; a row shows it by its own mark.
async function focus(page, steps) {
  for (let step = 0; step < steps; step += 1) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return "";
      const style = getComputedStyle(element.closest(".row")?.querySelector(".title") === element ? element.closest(".row") : element);
      const box = element.getBoundingClientRect();
      const visible = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
      return visible && box.width > 0 ? "" : element.outerHTML.slice(0, 160);
    });
    check(seen === "", `the focus is not visible on ${seen}`);
  }
}

async function keyboard({ page }) {
  await page.goto("/all");
  await focus(page, 30);
  await page.goto(`/cases/${second}`);
  await focus(page, 45);
  await page.keyboard.press("?");
  await page.locator("#keyboard-help").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL("**/todo");
  await page.keyboard.press("/");
  await page.keyboard.type(second);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/cases/${second}`);
  await page.keyboard.press("n");
  await page.getByLabel("Note", { exact: true }).waitFor();
  await page.waitForFunction(() => document.activeElement.matches("textarea"));
  await page.keyboard.type("By keys alone");
  await page.keyboard.press("Control+Enter");
  await page.locator(".entry.note", { hasText: "By keys alone" }).waitFor();
  await neighbors(page);
}

// From a case to the next one of its list, and back, by one key each.
async function neighbors(page) {
  await page.keyboard.press("m");
  check(await page.evaluate(() => document.activeElement.matches(".stage-bar button[name=stage]")), "no stage has the focus");
  await page.goto("/all");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/cases\/\d+$/);
  const opened = page.url();
  await page.keyboard.press("j");
  await page.waitForURL((url) => /\/cases\/\d+$/.test(url.href) && url.href !== opened);
  await page.keyboard.press("k");
  await page.waitForURL(opened);
  await page.keyboard.press("u");
  await page.waitForURL("**/all");
}

await run(async (browser) => {
  const anna = await person(browser);
  const ada = await person(browser, "ada@office.example");
  for (const part of [() => conflict(ada, anna), () => download(anna), () => undo(anna), () => keyboard(anna), () => operations(ada), () => detach(ada), () => preferences(ada)]) {
    const began = Date.now();
    await part();
    console.log(`${String(part).slice(6, 30)} ${Date.now() - began} ms`);
  }
  const surprises = [...anna.surprises, ...ada.surprises];
  check(surprises.length === 0, surprises.join("\n"));
});
