/** Words to numbers and failures to sentences: mount options, signals, reports of the shim. */
import { describe, expect, test } from "bun:test";
import { statusOf } from "../../src/cli/exit.ts";
import { failureError, type FailureContext } from "../../src/runtime/failure.ts";
import { bindAttributes, parseMountOptions } from "../../src/runtime/mount-options.ts";
import type { Failed } from "../../src/runtime/plan.ts";
import { planRun } from "../../src/runtime/planner.ts";
import { parseSignal } from "../../src/runtime/signals.ts";
import { errnoText } from "../../src/sys/errno.ts";
import { goldenSpec, runInput } from "./golden.ts";

describe("mount options", () => {
  test("become attributes, and what is left the file system's parameters", () => {
    expect(parseMountOptions(["nosuid", "strictatime", "mode=755", "size=64k", "newinstance"])).toEqual({
      set: 0x22, clear: 0x70, propagation: 0, recursive: false,
      parameters: [{ key: "mode", value: "755" }, { key: "size", value: "64k" }, { key: "newinstance", value: null }],
    });
  });

  test("that come later win", () => {
    expect(parseMountOptions(["noexec", "exec"])).toMatchObject({ set: 0, clear: 8 });
    expect(parseMountOptions(["rw", "ro"])).toMatchObject({ set: 1, clear: 0 });
    expect(parseMountOptions(["noatime", "strictatime"])).toMatchObject({ set: 0x20, clear: 0x70 });
    expect(parseMountOptions(["toString", "constructor"]).parameters).toHaveLength(2);
  });

  test("of a bind are private by default, stay shared on request, and nothing else", () => {
    expect(bindAttributes(["rbind", "ro"])).toEqual({ recursive: true, belowStays: false, attrSet: 1, attrClr: 0, propagation: 1 << 18 });
    expect(bindAttributes(["bind", "rshared"])).toEqual({ recursive: false, belowStays: false, attrSet: 0, attrClr: 0, propagation: 0 });
    expect(bindAttributes(["rbind", "rslave"]).propagation).toBe(1 << 19);
    expect(() => bindAttributes(["rbind", "size=1"])).toThrow("invalid mode: size");
  });
});

describe("signals", () => {
  test("are names and numbers, with and without SIG, in any case", () => {
    for (const [text, number] of [["TERM", 15], ["SIGTERM", 15], ["sigkill", 9], ["9", 9], ["CHLD", 17], ["IOT", 6], ["RTMIN", 34], ["SIGRTMIN+3", 37], ["rtmax-1", 63], ["64", 64]] as const) {
      expect([text, parseSignal(text)]).toEqual([text, number]);
    }
    for (const text of ["", "0", "65", "-9", "FOO", "RTMIN-1", "RTMAX+1", "1.5", "toString"]) expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`);
  });
});

describe("a failure", () => {
  const { steps } = planRun(runInput(goldenSpec({ Binds: ["/data:/srv"] })));
  const context: FailureContext = {
    operation: "run", args: ["foo"], cwd: "/nowhere", steps, text: errnoText, sourceOf: (place) => (place === "/srv" ? "/data" : null),
  };
  const tell = (failed: Partial<Failed>, changes: Partial<FailureContext> = {}): [string, number] => {
    const error = failureError({ step: "execve", index: 0, call: "execve", errno: 2, object: "", ...failed }, { ...context, ...changes });
    return [error.message.replace(/^.*unable to start container process: /, ""), statusOf(error, -1)];
  };

  test("to execute is told as Docker does, with its status", () => {
    expect(tell({})).toEqual(['exec: "foo": executable file not found in $PATH: unknown', 127]);
    expect(tell({}, { args: ["/foo"] })).toEqual(['exec: "/foo": stat /foo: no such file or directory: unknown', 127]);
    expect(tell({ errno: 13 })).toEqual(['exec: "foo": permission denied: unknown', 126]);
    expect(tell({ errno: 8 })).toEqual(["exec foo: exec format error: unknown", 126]);
    expect(tell({ errno: 20 }, { args: ["/etc/passwd/x"] })[1]).toBe(127);
  });

  test("of an exec begins with Docker's words for it", () => {
    const failed = { step: "execve", index: 0, call: "execve", errno: 2, object: "" };
    expect(failureError(failed, { ...context, operation: "exec" }).message).toBe('OCI runtime exec failed: exec failed: unable to start container process: exec: "foo": executable file not found in $PATH: unknown');
    expect(failureError(failed, context).message).toStartWith("failed to create task for container: OCI runtime create failed: ");
  });

  test("to enter the working directory names it", () => {
    expect(tell({ step: "chdir", call: "openat2", object: "/nowhere" })).toEqual(['chdir to cwd ("/nowhere") set in config.json failed: no such file or directory: unknown', 127]);
  });

  test("to mount names source and target, and what may be wrong", () => {
    const index = steps.findIndex((step) => "move_mount" in step && step.move_mount.target === "/srv");
    const [message, status] = tell({ step: "move_mount", index, call: "move_mount", errno: 20, object: "/srv" });
    expect(message).toContain('error mounting "/data" to rootfs at "/srv": move_mount: not a directory: Are you trying to mount a directory onto a file (or vice-versa)?');
    expect(status).toBe(125);
  });

  test("of any other step names the step and has one line", () => {
    for (const errno of [1, 2, 12, 13, 22, 28, 30, 38, 200]) for (const step of ["launch", "write", "setrlimit", "seccomp", "write_proc", "keyctl_join", "mknod", "unshare", "capset"]) {
      const error = failureError({ step, index: 999, call: "call", errno, object: "thing" }, context);
      expect(error.message).toContain(step);
      expect(error.message).not.toContain("\n");
      expect(statusOf(error, -1)).toBe(125);
    }
    expect(tell({ step: "setrlimit", index: 999, call: "prlimit64", errno: 1 })).toEqual(["setrlimit: prlimit64: operation not permitted: unknown", 125]);
    expect(tell({ step: "sethostname", index: 999, call: "sethostname", errno: 1, object: "h" })).toEqual(["sethostname: h: operation not permitted: unknown", 125]);
  });
});
