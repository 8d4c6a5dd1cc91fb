/** `mdk logs -f` of a program that fills several log files between two looks. */
import { expect } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { image, stage, useBaseStage } from "../../helpers/base-stage.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot, "needs root");

useBaseStage();

rootTest("lines in files that were rotated meanwhile are shown, in order, as long as the files are there", async () => {
  const script = "sleep 0.5; i=100; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done";
  await stage.mdk("run", "-d", "--name", "fast", "--log-opt", "max-size=1k", "--log-opt", "max-file=50", image, "sh", "-c", script);
  const { out } = await stage.mdk("logs", "-f", "fast");
  expect(out).toBe(Array.from({ length: 200 }, (_, index) => `line ${100 + index}\n`).join(""));
});

rootTest("--log-driver local: read by logs, rotated at 20 MiB and kept five times, and inspect tells nobody where it lies", async () => {
  await stage.mdk("run", "-d", "--name", "local", "--log-driver", "local", image, "sh", "-c", "yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678 | head -n 1000000; echo end");
  await stage.mdk("wait", "local");
  const told = await stage.mdk("inspect", "-f", "{{json .HostConfig.LogConfig}} [{{.LogPath}}] {{.Id}}", "local");
  const [, id] = /^\{"Type":"local","Config":\{\}\} \[\] ([0-9a-f]{64})\n$/.exec(told.out) ?? [];
  expect(id).toBeDefined();
  expect((await stage.mdk("logs", "--tail", "1", "local")).out).toBe("end\n");
  const files = readdirSync(`${stage.root}/containers/${id}`).filter((name) => /-json\.log(\.\d+)?$/.test(name));
  expect(files.length).toBe(5);
  for (const name of files) expect(statSync(`${stage.root}/containers/${id}/${name}`).size).toBeLessThan((20 << 20) + 1000);
});

rootTest("options of log drivers: Docker's that mdk does not carry out are refused by name", async () => {
  const refused = async (...flags: readonly string[]): Promise<string> => (await stage.mdk("create", ...flags, image)).err;
  expect(await refused("--log-driver", "local", "--log-opt", "foo=1")).toContain("unknown log opt 'foo' for log driver local");
  expect(await refused("--log-opt", "tag=x")).toContain("log opt 'tag' is not supported by this version of mdk");
  expect(await refused("--log-driver", "local", "--log-opt", "compress=true")).toContain("log opt 'compress=true' is not supported by this version of mdk");
  expect(await refused("--log-driver", "local", "--log-opt", "compress=false")).toBe("");
  expect(await refused("--log-driver", "syslog")).toContain("no log driver named 'syslog' is registered");
});
