// Opens a page in Chromium and prints the report that it makes, a line of JSON
// a case, as the programs of ../node do. The browser itself adds two cases: that
// the page asked for leave to call another origin, and the protocol of the calls.
//
//   node drive.js CHROMIUM PAGE-URL SERVER-URL PROTOCOL [SPKI]
//
// PROTOCOL is "http/1.1" or "h2". SPKI is the SHA-256 of a public key, in
// base64: a certificate with it is accepted.

import { chromium } from "playwright-core";

const [executablePath, page, server, protocol, spki] = process.argv.slice(2);

const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
if (spki) args.push(`--ignore-certificate-errors-spki-list=${spki}`);

const browser = await chromium.launch({ executablePath, args, headless: true });
try {
  const tab = await browser.newPage();
  const devtools = await tab.context().newCDPSession(tab);
  await devtools.send("Network.enable");
  const protocols = new Set();
  let preflights = 0;
  devtools.on("Network.responseReceived", ({ type, response }) => {
    if (!response.url.startsWith(server)) return;
    if (type === "Preflight") preflights++;
    protocols.add(response.protocol);
  });

  const print = (line) => console.log(JSON.stringify(line));
  const count = await new Promise((resolve, reject) => {
    tab.on("pageerror", reject);
    tab.on("crash", () => reject(new Error("the page crashed")));
    tab.exposeFunction("report", (line) => {
      if (line.cases === undefined) {
        print(line);
      } else {
        resolve(line.cases);
      }
    }).then(() => tab.goto(page)).catch(reject);
  });
  print({ case: "the browser asked for leave", error: preflights > 0 ? undefined : "no preflight was answered" });
  print({
    case: `calls travel over ${protocol}`,
    error: [...protocols].join() === protocol ? undefined : `over ${[...protocols].join()}`,
  });
  print({ cases: count + 2 });
} finally {
  await browser.close();
}
