/** The descriptors that travel with a plan: collected while it is made, sent in this order by SCM_RIGHTS. */
import { MdkError } from "../error.ts";
import type { Fd } from "./plan.ts";

/** The kernel's SCM_MAX_FD is 253; the plan's memfd takes one (include/net/scm.h). */
const MOST = 252;

export class Descriptors {
  readonly #fds: number[] = [];

  /** The index under which the shim finds `fd`. The same descriptor may be added twice: each index is a copy of its own. */
  add(fd: number): Fd {
    if (this.#fds.length >= MOST) {
      throw new MdkError("invalid", "too-many-descriptors", `a container cannot take more than ${MOST} descriptors`, {
        hint: "use fewer mounts or fewer published ports",
      });
    }
    return this.#fds.push(fd) - 1;
  }

  /** As `add`; null stays null. */
  addOptional(fd: number | null): Fd | null {
    return fd === null ? null : this.add(fd);
  }

  /** The real descriptors, in the order of their indices; still owned by whoever opened them. */
  get fds(): readonly number[] {
    return this.#fds;
  }
}
