/** Device rules as v1 writes and as an eBPF program, which a small interpreter runs. */
import { expect, test } from "bun:test";
import { allowsEverything, assembleDeviceProgram, planDeviceWrites } from "../../src/cgroup/devices.ts";
import type { LinuxDeviceCgroup } from "../../src/spec/types.ts";

const DENY_ALL: LinuxDeviceCgroup = { allow: false, type: "a", access: "rwm" };
const ALLOW_ALL: LinuxDeviceCgroup = { ...DENY_ALL, allow: true };
const rule = (text: string, allow = true): LinuxDeviceCgroup => {
  const [type, numbers, access] = text.split(" ") as ["b" | "c", string, string];
  const [major, minor] = numbers.split(":").map((part) => (part === "*" ? undefined : Number(part)));
  return { allow, type, access, ...(major === undefined ? {} : { major }), ...(minor === undefined ? {} : { minor }) };
};

/** The few instructions that the programs use, run as instruction-set.rst defines them. */
function run(program: Uint8Array, type: "b" | "c", major: number, minor: number, access: string): boolean {
  const letters = { m: 1, r: 2, w: 4 } as const;
  const mask = [...access].reduce((sum, letter) => sum | letters[letter as "m"], 0);
  const context = [((mask << 16) | (type === "b" ? 1 : 2)) >>> 0, major, minor];
  const view = new DataView(program.buffer);
  const r = new Array<number>(11).fill(0);
  for (let pc = 0; pc < program.length / 8; pc++) {
    const opcode = view.getUint8(pc * 8);
    const to = view.getUint8(pc * 8 + 1) & 15;
    const from = view.getUint8(pc * 8 + 1) >> 4;
    const offset = view.getInt16(pc * 8 + 2, true);
    const immediate = view.getInt32(pc * 8 + 4, true);
    if (opcode === 0x61) r[to] = context[offset / 4] as number;
    else if (opcode === 0xb4) r[to] = immediate;
    else if (opcode === 0xbc) r[to] = r[from] as number;
    else if (opcode === 0x54) r[to] = (r[to] as number) & immediate;
    else if (opcode === 0x74) r[to] = (r[to] as number) >>> immediate;
    else if (opcode === 0x16) pc += r[to] === immediate ? offset : 0;
    else if (opcode === 0x56) pc += r[to] !== immediate ? offset : 0;
    else if (opcode === 0x95) return r[0] === 1;
    else throw new Error(`opcode ${opcode}`);
  }
  throw new Error("ran off the end");
}

test("v1 gets one write a rule", () => {
  expect(planDeviceWrites([DENY_ALL, rule("c *:* m"), rule("c 1:3 rwm"), rule("b 8:0 w", false)])).toEqual([
    { file: "devices.deny", value: "a" },
    { file: "devices.allow", value: "c *:* m" },
    { file: "devices.allow", value: "c 1:3 rwm" },
    { file: "devices.deny", value: "b 8:0 w" },
  ]);
});

test("the program allows what is listed and refuses the rest", () => {
  const program = assembleDeviceProgram([DENY_ALL, rule("c *:* m"), rule("c 1:3 rwm"), rule("c 136:* rwm"), rule("b 8:1 r")]);
  expect(run(program, "c", 1, 3, "rw")).toBe(true);
  expect(run(program, "c", 1, 4, "m")).toBe(true);
  expect(run(program, "c", 1, 4, "r")).toBe(false);
  expect(run(program, "c", 136, 77, "rwm")).toBe(true);
  expect(run(program, "b", 8, 1, "r")).toBe(true);
  expect(run(program, "b", 8, 1, "rw")).toBe(false);
  expect(run(program, "b", 1, 3, "r")).toBe(false);
  expect(run(program, "b", 8, 0, "m")).toBe(false);
});

test("rules of one device add up, and a later refusal takes access away", () => {
  const program = assembleDeviceProgram([DENY_ALL, rule("c 5:0 r"), rule("c 5:0 w"), rule("c 5:1 rw"), rule("c 5:1 w", false)]);
  expect(run(program, "c", 5, 0, "rw")).toBe(true);
  expect(run(program, "c", 5, 1, "r")).toBe(true);
  expect(run(program, "c", 5, 1, "rw")).toBe(false);
});

test("everything but some: an access that touches the exception is refused", () => {
  const program = assembleDeviceProgram([ALLOW_ALL, rule("b 8:* w", false)]);
  expect(run(program, "b", 8, 3, "rw")).toBe(false);
  expect(run(program, "b", 8, 3, "r")).toBe(true);
  expect(run(program, "c", 8, 3, "rw")).toBe(true);
});

test("privileged rules need neither a write nor a program", () => {
  expect(allowsEverything([ALLOW_ALL])).toBe(true);
  expect(allowsEverything([])).toBe(true);
  expect(allowsEverything([DENY_ALL, rule("c 1:3 r"), ALLOW_ALL])).toBe(true);
  expect(allowsEverything([DENY_ALL])).toBe(false);
  expect(allowsEverything([{ allow: false, access: "rwm" }])).toBe(false);
});
