/** A command on a pseudo-terminal of its own, as if somebody sat there. */
import { until } from "./mdk.ts";

const CONTROLLING = `
import fcntl, os, sys, termios
if os.getsid(0) != os.getpid(): os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])`;

export class Screen {
  text = "";
  readonly #terminal: Bun.Terminal;
  readonly #child: Bun.Subprocess;
  #seen = 0;

  constructor(words: readonly string[], size: { readonly columns: number; readonly rows: number } = { columns: 80, rows: 24 }) {
    const decoder = new TextDecoder();
    this.#terminal = new Bun.Terminal({
      cols: size.columns, rows: size.rows, name: "xterm",
      data: (_terminal, bytes) => void (this.text += decoder.decode(bytes, { stream: true })),
    });
    // Bun makes it nobody's controlling terminal: without one there is no SIGWINCH and no SIGHUP.
    this.#child = Bun.spawn(["python3", "-c", CONTROLLING, ...words], { terminal: this.#terminal, env: { ...process.env, TERM: "xterm" } });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Types; a line's end is "\r". */
  type(text: string): void {
    this.#terminal.write(text);
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
  }

  /** Waits for text that was not waited for before, and returns what stands between. */
  async expect(wanted: string | RegExp, milliseconds = 5_000): Promise<string> {
    let found = -1;
    let length = 0;
    const look = (): boolean => {
      const rest = this.text.slice(this.#seen);
      const match = typeof wanted === "string" ? null : wanted.exec(rest);
      found = typeof wanted === "string" ? rest.indexOf(wanted) : (match?.index ?? -1);
      length = typeof wanted === "string" ? wanted.length : (match?.[0].length ?? 0);
      return found !== -1;
    };
    try {
      await until(look, `${wanted}`, milliseconds);
    } catch {
      throw new Error(`${wanted} did not come after ${JSON.stringify(this.text.slice(this.#seen))}`);
    }
    const between = this.text.slice(this.#seen, this.#seen + found);
    this.#seen += found + length;
    return between;
  }

  /** Exit status of the command. */
  async ended(): Promise<number> {
    const limit = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    const status = await this.#child.exited;
    clearTimeout(limit);
    this.#terminal.close();
    return status;
  }

  /** Canonical mode and echo: what a terminal has that nobody put into raw mode. */
  cooked(): boolean {
    const [ICANON, ECHO] = [0x2, 0x8];
    return (this.#terminal.localFlags & ICANON) !== 0 && (this.#terminal.localFlags & ECHO) !== 0;
  }
}
