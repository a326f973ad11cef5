// The main journey of someone who works on cases; with JAVASCRIPT=off, with plain links and forms.
import { check, run, watched } from "./browser.mjs";

const scripted = process.env.JAVASCRIPT !== "off";
const number = process.env.CASE;
const password = process.env.DESK_PASSWORD;

async function signIn(page) {
  if (process.env.WELCOME) {
    await page.goto(process.env.WELCOME);
    await page.getByLabel("New password").fill(password);
    await page.getByLabel("Repeat the password").fill(password);
    await page.getByRole("button", { name: "Set password" }).click();
  } else {
    await page.goto(`/cases/${number}`);
    await page.getByLabel("E-mail address").fill("ada@office.example");
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  }
}

async function open(page) {
  await page.goto("/all");
  const row = page.locator(`#case-${number} .title`);
  if (scripted) {
    await page.keyboard.press("j");
    for (let step = 0; step < 10 && !(await row.evaluate((link) => link === document.activeElement)); step += 1) {
      await page.keyboard.press("j");
    }
    await page.keyboard.press("Enter");
  } else {
    await row.click();
  }
  await page.waitForURL(`**/cases/${number}`);
}

async function note(page) {
  await page.getByRole("link", { name: "Add a note" }).click();
  await page.getByLabel("Note", { exact: true }).fill("Checked against the order");
  await page.getByRole("button", { name: "Save note" }).click();
  await page.getByText("Checked against the order").waitFor();
  check(await page.locator(".entry.note").count() === 1, "the note is not marked as one");
}

async function work(page) {
  await page.getByRole("button", { name: "Assign to me" }).click();
  await page.locator(".assignee").getByText("Ada Zielińska").waitFor();
  await page.getByRole("button", { name: /Move to .*approval/ }).click();
  await page.locator(".stage-now").getByText("approval").waitFor();
  if (!scripted) return;
  // The message leads to the next case of the list that this one was opened from.
  const cases = await page.evaluate(() => JSON.parse(sessionStorage.getItem("mailcase:list")).cases);
  const next = cases[cases.indexOf(`/cases/${number}`) + 1];
  const led = await page.locator(".message.good a.button").evaluateAll((links) => links.map((link) => link.pathname));
  check(led.join() === (next ?? ""), `the message leads to ${led}, not to ${next}`);
}

async function answer(page) {
  await page.getByRole("link", { name: "Answer" }).click();
  await page.locator('textarea[name="text"]').waitFor();
  check(await page.locator('input[value="jan@supplier.example"]').isChecked(), "the sender is not preselected");
  await page.locator('input[type="file"]').setInputFiles({ name: "list.txt", mimeType: "text/plain", buffer: Buffer.from("one") });
  // A ready-made text of the process comes to where the writer is, filled in for the case.
  await page.locator('textarea[name="text"]').fill("Hello");
  await page.locator('select[name="snippet"]').selectOption({ label: "Received" });
  await page.locator("[data-insert]").click();
  if (!scripted) await page.waitForURL("**/answers");
  const inserted = await page.locator('textarea[name="text"]').inputValue();
  check(/^Hello\s*Case \[#\d+\] is ours\.$/.test(inserted), `the ready-made text is not there: ${inserted}`);
  await page.locator('textarea[name="text"]').fill("Thank you, we pay on Friday.");
  if (scripted) {
    await page.locator('input[name="upload"]').waitFor({ state: "attached" });
    await page.locator(".draft-state", { hasText: "Draft saved" }).waitFor();
    // A form that is sent while a file is on the way waits for it.
    await page.route("**/uploads?*", async (route) => {
      await page.locator(".draft-state", { hasText: "as soon as" }).waitFor();
      await route.continue();
    });
    await page.locator('input[type="file"]').setInputFiles({ name: "late.txt", mimeType: "text/plain", buffer: Buffer.from("two") });
  }
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByText("Thank you, we pay on Friday.").waitFor();
  await page.getByRole("button", { name: "Take back" }).click();
  const text = await page.locator('textarea[name="text"]').inputValue();
  check(text === "Thank you, we pay on Friday.", `the text was not kept: ${text}`);
  const files = await page.locator(".uploads").innerText();
  check(files.includes("list.txt") && files.includes("late.txt") === scripted, `the files were not kept: ${files}`);
  await page.getByLabel("list.txt").uncheck();
  await page.getByRole("button", { name: "Save draft" }).click();
  await page.waitForURL("**/answer");
  check(!(await page.locator(".uploads").innerText()).includes("list.txt"), "a file that was unticked is attached");
}

// A number leads to its case; words in another form find the note, as soon as it is indexed.
async function search(page) {
  await page.goto(`/search?q=${number}`);
  await page.waitForURL(`**/cases/${number}`);
  const hit = page.locator(`.rows a.title[href^="/cases/${number}"]`);
  for (let attempt = 0; attempt < 40 && await hit.count() === 0; attempt += 1) {
    await page.waitForTimeout(500);
    await page.goto("/search");
    await page.locator('form.search input[name="q"]').fill("ORDERS checked");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/search?q=*");
  }
  check(await hit.count() > 0, "the note is not found");
}

await run(async (browser) => {
  const { context, surprises } = await watched(browser, { javaScriptEnabled: scripted });
  const page = await context.newPage();
  await signIn(page);
  await open(page);
  await note(page);
  await work(page);
  await answer(page);
  await search(page);
  await page.goto("/cases/999");
  await page.getByRole("heading", { name: "Not found" }).waitFor();
  await page.goto("/todo");
  await page.locator(".user summary").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
  check(surprises.length === 0, surprises.join("\n"));
});
