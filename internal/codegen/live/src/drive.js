// Opens pages in Chromium, one after the other, and prints what they report, a
// line of JSON a case:
//
//   node drive.js CHROMIUM SPKI PAGE-URL...
//
// SPKI is the SHA-256 of a public key, in base64: a certificate with it is
// accepted. It may be empty.
import { chromium } from "playwright-core";

const [executablePath, spki, ...pages] = process.argv.slice(2);
const args = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
if (spki) {
  args.push(`--ignore-certificate-errors-spki-list=${spki}`);
}

/** Runs the page at url and prints its report. */
async function open(browser, url) {
  const context = await browser.newContext(); // with connections of its own
  const tab = await context.newPage();
  await new Promise((resolve, reject) => {
    tab.on("pageerror", reject);
    tab.on("crash", () => reject(new Error("the page crashed")));
    tab.exposeFunction("report", (line) => {
      console.log(JSON.stringify(line));
      if (line.cases !== undefined) {
        resolve();
      }
    }).then(() => tab.goto(url)).catch(reject);
  });
  await context.close();
}

const browser = await chromium.launch({ executablePath, args }); // with a profile of its own
try {
  for (const url of pages) {
    await open(browser, url);
  }
} finally {
  await browser.close();
}
