'use strict';

/**
 * Runs cases in their order and reports each as a line of JSON on standard
 * output: {"case": NAME}, with "error" if it failed and "note" if it returned a
 * text. The last line is {"cases": COUNT}; without it the program broke off.
 * A failed case does not keep the others from running.
 *
 * Nothing here ends the process: a program that leaves a connection open hangs,
 * and its test fails.
 *
 * @param {[string, () => Promise<string | void>][]} cases
 */
async function run(cases) {
  for (const [name, check] of cases) {
    const line = { case: name };
    try {
      line.note = await check();
    } catch (error) {
      line.error = String(error.stack ?? error);
      process.exitCode = 1;
    }
    console.log(JSON.stringify(line));
  }
  console.log(JSON.stringify({ cases: cases.length }));
}

module.exports = { run };
