/** Programs of the host: their ends. */
import { expect, test } from "bun:test";
import { runProgram, type ProgramCall } from "../../src/sys/program.ts";
import { alive, until } from "../helpers/mdk.ts";

const call = (script: string, more: Partial<ProgramCall> = {}): ProgramCall => ({ path: "/bin/sh", args: ["-c", script], environment: process.env, input: "", outputBytesMax: 1000, timeoutMs: 10_000, ...more });

test("one that is alone takes along what it started", async () => {
  for (const more of [{ signal: AbortSignal.timeout(300) }, { timeoutMs: 300 }]) {
    const { end, status, output } = await runProgram(call("sleep 1000 & echo $!; echo $$; wait", { alone: true, ...more }));
    const pids = output.trim().split("\n").map(Number);
    expect([end, status, pids.length]).toEqual(["signal" in more ? "aborted" : "timeout", 137, 2]);
    await until(() => pids.every((pid) => !alive(pid)), "their end");
  }
});

test("one that ends by itself is not disturbed, and what it says is kept", async () => {
  for (const alone of [false, true]) expect(await runProgram(call("cat; echo e >&2; exit 3", { input: "said", keepsErrors: true, alone }))).toEqual({ end: "exited", status: 3, output: "said", errors: "e\n" });
});
