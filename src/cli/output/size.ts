/** Sizes as Docker shows them (docker/go-units HumanSizeWithPrecision): powers of 1000, so many digits. Pure. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** "72.8MB" of 72 800 000 with three digits, which is what `images` shows. */
export function humanSize(bytes: number, digits = 3): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${general(value, digits)}${UNITS[unit]}`;
}

/** "23.54GiB": powers of 1024 with four digits (BytesSize), which is what `info` shows of the memory. */
export function humanMemory(bytes: number): string {
  const step = bytes < 1024 ? 0 : Math.min(5, Math.trunc(Math.log2(bytes) / 10));
  return `${general(bytes / 1024 ** step, 4)}${["B", "KiB", "MiB", "GiB", "TiB", "PiB"][step]}`;
}

/** C's %.Ng: N significant digits, no zeros at the end, an exponent where the number has more digits than that. */
function general(value: number, digits: number): string {
  const text = value.toPrecision(digits);
  if (!text.includes("e")) return String(Number(text));
  const [mantissa, exponent] = text.split("e") as [string, string];
  return `${Number(mantissa)}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}
