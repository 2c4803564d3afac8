/**
 * Runs one test file and writes the names of its tests, in order, to a file as JSON.
 *
 * `run_test_file.ts TEST_FILE NAMES_FILE`; `run_tests.ts` starts it, one process for each file.
 * The names come from uvu's own hook, so the file must use uvu's `test` and call `run()` once.
 */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "uvu";

const [testFile = "", namesFile = ""] = process.argv.slice(2);
const names: string[] = [];
test.before.each((context) => {
  names.push(String((context as { readonly __test__?: string }).__test__));
});
process.on("exit", () => writeFileSync(namesFile, JSON.stringify(names)));
// uvu keeps to itself what these throw.
test.before = Object.assign(told(test.before), { each: test.before.each });
test.after = Object.assign(told(test.after), { each: test.after.each });
await import(pathToFileURL(resolve(testFile)).href);

type Hook = Parameters<typeof test.before>[0];

function told(register: (hook: Hook) => void): (hook: Hook) => void {
  return (hook) => {
    register(async (context) => {
      try {
        await hook(context);
      } catch (error) {
        console.error(error);
        throw error;
      }
    });
  };
}
