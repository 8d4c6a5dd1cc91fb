/** Signals while the event loop does not run. */
import { expect, test } from "bun:test";

/** Says "there" when it works, and gets the signal then; how it ended, and what it said. */
async function ended(before: string, after: string): Promise<{ readonly status: number | null; readonly signal: unknown; readonly said: string }> {
  const script = `import { writeSync } from "node:fs"; import { interruptible } from "./src/sys/interrupt.ts";
    process.on("SIGINT", () => { writeSync(1, "handled "); process.exit(3); });
    ${before}
    interruptible(() => { writeSync(1, "there "); const end = Date.now() + 1000; while (Date.now() < end); });
    ${after}`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  let said = "";
  for await (const chunk of child.stdout) {
    said += Buffer.from(chunk).toString();
    if (said === "there ") child.kill("SIGINT");
  }
  await child.exited;
  return { status: child.exitCode, signal: child.signalCode, said };
}

test("one that would be handled ends the process at once", async () => {
  expect(await ended("", 'writeSync(1, "over ");')).toEqual({ status: null, signal: "SIGINT", said: "there " });
});

test("afterwards it is handled again", async () => {
  expect(await ended('interruptible(() => {}); process.kill(process.pid, "SIGINT"); await Bun.sleep(500);', "")).toEqual({ status: 3, signal: null, said: "handled " });
});

test("one that is ignored stays so", async () => {
  const ignored = 'const { symbols } = (await import("bun:ffi")).dlopen("libc.so.6", { signal: { args: ["i32", "ptr"], returns: "ptr" } }); symbols.signal(2, 1);';
  expect(await ended(ignored, 'writeSync(1, "over ");')).toEqual({ status: 0, signal: null, said: "there over " });
});
