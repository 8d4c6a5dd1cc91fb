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

/** C's %.Ng: N significant digits, no zeros at the end, an exponent where the number has more digits than that. */
function general(value: number, digits: number): string {
  const text = value.toPrecision(digits);
  if (!text.includes("e")) return String(Number(text));
  const [mantissa, exponent] = text.split("e") as [string, string];
  return `${Number(mantissa)}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}
