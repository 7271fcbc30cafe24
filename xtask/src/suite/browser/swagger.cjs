// Drives Swagger UI as a reader of the documentation would. Run by the suite `browser` of xtask, which
// sets the environment; each line on standard output is a check that passed.
const { PLAYWRIGHT, CHROMIUM, PLATFORM, PICTURES, EMAIL, PASSWORD } = process.env;
const { chromium } = require(PLAYWRIGHT);

const passed = (what) => console.log(`ok: ${what}`);
const check = (condition, what) => {
  if (!condition) throw new Error(`not so: ${what}`);
  passed(what);
};

async function main() {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1400 } });
    page.setDefaultTimeout(30_000);
    const faults = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("requestfailed", (request) => faults.push(`${request.url()} failed`));
    page.on("request", (request) => {
      const local = request.url().startsWith(PLATFORM) || request.url().startsWith("data:");
      if (!local) faults.push(`${request.url()} is not of this platform`);
    });

    const answer = await page.goto(`${PLATFORM}/api/docs`);
    check(answer.status() === 200, "the page is there");
    const operations = page.locator(".opblock");
    await operations.first().waitFor();
    const title = await page.locator(".info .title").innerText();
    check(title.includes("Trolleybus"), "the page has the platform's title");
    const paths = await page.locator(".opblock-summary-path").allInnerTexts();
    // Swagger UI puts invisible break opportunities into paths.
    const plain = paths.map((path) => path.replace(/\u200b/g, "").trim());
    for (const path of ["register", "login", "refresh", "profile"]) {
      check(plain.includes(`/api/v1/auth/${path}`), `the page shows ${path}`);
    }
    await page.screenshot({ path: `${PICTURES}/swagger.png`, fullPage: true });
    check(faults.length === 0, `the page loads without an error ${faults.join("; ")}`.trim());

    // "Try it out", and the answer that the page shows for it.
    const tryOut = async (path, body) => {
      const operation = operations.filter({ has: page.locator(`[data-path="${path}"]`) });
      await operation.locator(".opblock-summary-control").click();
      await operation.locator(".try-out__btn").click();
      if (body) await operation.locator("textarea.body-param__text").fill(JSON.stringify(body));
      await operation.locator(".execute").click();
      const live = operation.locator(".live-responses-table .response");
      await live.waitFor();
      const status = (await live.locator(".response-col_status").innerText()).trim();
      const text = await live.locator(".highlight-code code, .microlight").first().innerText();
      return { status, text };
    };

    const login = await tryOut("/api/v1/auth/login", { email: EMAIL, password: PASSWORD });
    check(login.status.startsWith("200"), "logging in shows 200");
    const { accessToken } = JSON.parse(login.text);
    check(accessToken.startsWith("v4.public."), "logging in shows the access token");
    await page.screenshot({ path: `${PICTURES}/login.png`, fullPage: true });

    await page.locator(".auth-wrapper .authorize").first().click();
    const dialog = page.locator(".modal-ux");
    await dialog.locator("input").fill(accessToken);
    await dialog.locator(".auth.authorize, button[type=submit]").first().click();
    await dialog.locator("button", { hasText: "Logout" }).waitFor();
    await dialog.locator(".btn-done").click();
    passed("Authorize takes the token");

    const profile = await tryOut("/api/v1/auth/profile");
    check(profile.status.startsWith("200"), "the profile shows 200");
    check(JSON.parse(profile.text).email === EMAIL, "the profile is the user's own");
    await page.screenshot({ path: `${PICTURES}/profile.png`, fullPage: true });
    check(faults.length === 0, `nothing went wrong meanwhile ${faults.join("; ")}`.trim());
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
