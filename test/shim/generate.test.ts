/** The generator of the contract's Zig half: what it makes of each construct, and that it refuses every other with its place. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { generate } from "../../shim/generate.ts";

const body = (text: string): string => generate("plan.ts", text).split("\n").slice(1).join("\n").trim();

describe("the generator", () => {
  test("turns every construct of the subset into its counterpart, with its doc comment", () => {
    const zig = body(`
      export type U32 = number;
      export type U64 = string;
      /** An index. */
      export type Fd = U32;
      export type Color = "red" | "json-file";
      export type Step = { one: Nothing } | { two: All };
      export interface Nothing {}
      /**
       * Everything.
       */
      export interface All {
        /** A name. */
        name: string;
        error: boolean;
        wide: U64;
        fds: readonly Fd[];
        maybe: readonly string[] | null;
      }
    `);
    expect(zig).toBe(
      [
        "/// An index.", "pub const Fd = enum(u32) { _ };", "",
        "pub const Color = enum {", "    red,", '    @"json-file",', "};", "",
        "pub const Step = union(enum) {", "    one: Nothing,", "    two: All,", "};", "",
        "pub const Nothing = struct {};", "",
        "/// Everything.", "pub const All = struct {", "    /// A name.", "    name: [:0]const u8,", '    @"error": bool,',
        "    wide: u64,", "    fds: []const Fd,", "    maybe: ?[]const [:0]const u8,", "};",
      ].join("\n"),
    );
  });

  const refused: readonly (readonly [string, string])[] = [
    ["export interface A { x: number }", "plan.ts:1:25: a number needs a width: U8, U16, U32, I32, U64 or I64"],
    ["export interface A {\n  x?: string;\n}", "plan.ts:2:3: no optional properties: use `| null`"],
    ["export interface A { readonly x: string }", "plan.ts:1:22: only plain property names, without readonly"],
    ["export interface A { x: string[] }", "plan.ts:1:25: arrays are readonly"],
    ["export interface A { x: B }", "plan.ts:1:25: B is not declared in this file"],
    ["export interface A { x: any }", "plan.ts:1:25: TSAnyKeyword has no counterpart in Zig here"],
    ["export interface A { x: string; x: string }", "plan.ts:1:33: x is declared twice"],
    ["export interface A { x(): void }", "plan.ts:1:22: only properties"],
    ["export interface A<T> { x: string }", "plan.ts:1:19: no type parameters"],
    ["export interface A {}\nexport interface B extends A {}", "plan.ts:2:8: no inheritance"],
    ['export type A = "a" | { b: B }; export interface B {}', "plan.ts:1:17: a union is of string literals or of one-member objects (`T | null` only inside of an interface)"],
    ["export type A = { a: B; b: B } | { c: B }; export interface B {}", "plan.ts:1:17: exactly one member"],
    ["export type U64 = number;", "plan.ts:1:19: U64 travels as string"],
    ["interface A {}", "plan.ts:1:1: only exported types and interfaces"],
    ["export const a = 1;", "plan.ts:1:8: only type aliases and interfaces"],
    ["export enum A { B }", "plan.ts:1:8: only type aliases and interfaces"],
  ];
  for (const [text, message] of refused) {
    test(`refuses ${text.replaceAll("\n", " ")}`, () => expect(() => generate("plan.ts", text)).toThrow(message));
  }

  test("made the committed file of the committed contract", () => {
    const file = "src/runtime/plan.ts";
    expect(readFileSync("shim/plan.zig", "utf8")).toBe(generate(file, readFileSync(file, "utf8")));
  });
});
