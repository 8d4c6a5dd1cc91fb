/** SOURCE_DATE_EPOCH in a layer: what was made later gets that time, in the tree itself, so that packing it again gives the same archive. */
import { setTimes, setTimesAt, statAt, type Time } from "../../sys/at.ts";
import { walkTree } from "../../layer/walk.ts";

/** `tree`: a directory's descriptor, not O_PATH, which stays open. Throws SysError. */
export function clampTimes(tree: number, seconds: number): void {
  const time: Time = { seconds, nanoseconds: 0 };
  const isLater = ({ modified }: { readonly modified: Time }): boolean => modified.seconds > seconds || (modified.seconds === seconds && modified.nanoseconds > 0);
  // A time that is set is no change of the directory that the name is in.
  walkTree(tree, null, ({ parent, base, status }) => {
    if (isLater(status)) setTimesAt(parent, base, time);
  });
  const own = statAt(tree, "");
  if (own !== null && isLater(own)) setTimes(tree, time);
}
