// Opens pages in Chromium, one after the other, and prints the reports that they
// make, a line of JSON a case, as the programs of ../node do. The name of a case
// begins with the client that the page's address names. The browser itself adds
// two cases a page: that it asked the server for leave to call another origin,
// and the protocol of the calls.
//
//   node drive.js CHROMIUM SERVER-URL PROTOCOL SPKI PAGE-URL...
//
// PROTOCOL is "http/1.1" or "h2". SPKI is the SHA-256 of a public key, in
// base64: a certificate with it is accepted. It may be empty.

import { chromium } from "playwright-core";

const [executablePath, server, protocol, spki, ...pages] = process.argv.slice(2);

const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
if (spki) args.push(`--ignore-certificate-errors-spki-list=${spki}`);

let cases = 0;
const print = (line) => {
  cases++;
  console.log(JSON.stringify(line));
};

/** Runs the page at url and prints its report. */
async function open(browser, url) {
  const client = new URL(url).searchParams.get("client");
  const context = await browser.newContext(); // with a cache and connections of its own
  const tab = await context.newPage();
  const devtools = await context.newCDPSession(tab);
  await devtools.send("Network.enable");
  const protocols = new Set();
  let preflights = 0;
  devtools.on("Network.responseReceived", ({ type, response }) => {
    if (!response.url.startsWith(server)) return;
    if (type === "Preflight") preflights++;
    protocols.add(response.protocol);
  });
  await new Promise((resolve, reject) => {
    tab.on("pageerror", reject);
    tab.on("crash", () => reject(new Error("the page crashed")));
    tab.exposeFunction("report", (line) => {
      if (line.cases === undefined) {
        print({ ...line, case: `${client}/${line.case}` });
      } else {
        resolve();
      }
    }).then(() => tab.goto(url)).catch(reject);
  });
  print({
    case: `${client}/the browser asked for leave`,
    error: preflights > 0 ? undefined : "no preflight was answered",
  });
  print({
    case: `${client}/calls travel over ${protocol}`,
    error: [...protocols].join() === protocol ? undefined : `over ${[...protocols].join()}`,
  });
  await context.close();
}

const browser = await chromium.launch({ executablePath, args, headless: true });
try {
  for (const url of pages) await open(browser, url);
  console.log(JSON.stringify({ cases }));
} finally {
  await browser.close();
}
