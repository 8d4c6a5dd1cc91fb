/**
 * What variables may make of a Dockerfile: a few lines that double each other's values would be more than any memory holds. BuildKit's bounds are those of
 * its messages, 16 MiB for all of a build; what execve(2) takes as one variable is 128 KiB.
 */

/** Of what variables bring to one word, in UTF-16 units. */
export const VALUE_LENGTH_MAX = 1 << 20;
const TOTAL_LENGTH_MAX = 16 << 20;
/** Comparisons of a character with a part of a pattern: some seconds of them. */
const STEPS_MAX = 1 << 27;

/** Of all that is expanded with it. */
export class Budget {
  #length = 0;
  #steps = 0;

  /** `length`: of what a variable becomes. Throws an Error for more than all of them may. */
  grow(length: number): void {
    this.#length += length;
    if (this.#length > TOTAL_LENGTH_MAX) throw new Error(`variables make more than ${TOTAL_LENGTH_MAX >> 20} MiB of the Dockerfile`);
  }

  /** A pattern of so many parts is looked for in a value. Throws an Error when patterns have been looked for too often. */
  match(parts: number, length: number): void {
    // A character costs something by itself.
    this.#steps += (parts + 4) * (length + 1);
    if (this.#steps > STEPS_MAX) throw new Error("the patterns of its variables are too long for their values");
  }
}

/** Of one word. */
export function tooLong(): Error {
  return new Error(`variables make it longer than ${VALUE_LENGTH_MAX >> 20} MiB`);
}
