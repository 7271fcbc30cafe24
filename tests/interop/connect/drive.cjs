// Opens the page in a browser and prints a line for each case that holds. Run by the suite `connect` of
// xtask, which sets the environment; ends with an error at the first case that does not.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');

const { PLAYWRIGHT, CHROMIUM, PORT, PLATFORM } = process.env;
const { chromium } = require(PLAYWRIGHT);

const FILES = { '/': ['index.html', 'text/html'], '/page.js': ['page.js', 'text/javascript'] };

const server = createServer(({ url }, answer) => {
  const [name, type] = FILES[url] ?? [];
  if (!name) return answer.writeHead(404).end();
  answer.writeHead(200, { 'content-type': type }).end(readFileSync(join(__dirname, name)));
});

async function main() {
  await new Promise((done) => server.listen(Number(PORT), '127.0.0.1', done));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(30_000);
    const faults = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    await page.goto(`http://127.0.0.1:${PORT}/`);
    const names = await page.evaluate((platform) => connect.cases(platform), PLATFORM);
    for (const name of names) {
      try {
        await page.evaluate(([platform, name]) => connect.run(platform, name), [PLATFORM, name]);
      } catch (error) {
        throw new Error(name, { cause: error });
      }
      console.log(`ok connect ${name}`);
    }
    // The same page by another name has another origin, which the platform was not told of.
    await page.goto(`http://localhost:${PORT}/`);
    const refused = await page.evaluate((platform) => connect.refused(platform), PLATFORM);
    assert.deepEqual(refused, ['Unknown', 'Failed to fetch']);
    console.log('ok connect a_page_of_an_unknown_origin_is_refused');
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
    server.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
