/** This command's own streams, terminal and signals, as the engine takes them. */
import type { Client } from "../../engine/session/client.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";

/** What goes to the container; SIGCHLD, SIGPIPE, SIGURG and those that cannot be caught never do (docker/cli, signals). */
const PROXIED = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15, SIGCONT: 18, SIGALRM: 14, SIGWINCH: 28,
} as const;

export function caller(): Client {
  const stream = (descriptor: number): Client["stdin"] => ({ descriptor, terminal: isTerminal(descriptor) });
  return {
    stdin: stream(0), stdout: stream(1), stderr: stream(2),
    window: () => windowSize(1),
    listen(take) {
      const handlers = Object.entries(PROXIED).map(([name, number]) => [name, () => take(number)] as const);
      for (const [name, handler] of handlers) process.on(name, handler);
      return () => {
        for (const [name, handler] of handlers) process.off(name, handler);
      };
    },
  };
}
