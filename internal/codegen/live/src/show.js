// Opens a page in Chromium and prints what it shows when it has something to
// show: node show.js CHROMIUM PAGE-URL
import { chromium } from "playwright-core";

const [executablePath, url] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
try {
  const tab = await browser.newPage();
  const broken = new Promise((_, reject) => tab.on("pageerror", reject));
  await tab.goto(url);
  const shown = tab.waitForSelector("#done", { state: "attached", timeout: 120_000 });
  await Promise.race([shown, broken]);
  console.log(await tab.textContent("#done"));
} finally {
  await browser.close();
}
