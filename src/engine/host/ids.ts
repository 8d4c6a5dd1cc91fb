/** Ids and made-up names: two words of our own in Docker's form, adjective_noun. */

const ADJECTIVES = [
  "agile", "amber", "ample", "brave", "brisk", "calm", "candid", "clever", "cosmic", "crisp", "daring", "deft", "eager", "early", "fair",
  "fleet", "fond", "frank", "fresh", "gentle", "glad", "grand", "handy", "happy", "hardy", "hazel", "ideal", "jolly", "keen", "kind", "lively",
  "lucid", "lucky", "mellow", "merry", "mild", "modest", "neat", "nimble", "noble", "patient", "plain", "proud", "quick", "quiet", "ready",
  "robust", "round", "sharp", "silent", "smart", "snug", "solid", "spry", "steady", "sunny", "swift", "tidy", "tough", "vivid", "warm", "wise", "witty", "young",
];
const NOUNS = [
  "acorn", "anchor", "arrow", "badger", "beacon", "birch", "bridge", "brook", "canyon", "cedar", "cliff", "comet", "compass", "coral", "crane",
  "delta", "dune", "eagle", "ember", "falcon", "fern", "fjord", "forest", "fox", "garnet", "glacier", "grove", "harbor", "heron", "island",
  "jasper", "kestrel", "lagoon", "lantern", "lark", "maple", "marten", "meadow", "mesa", "nebula", "oak", "orchid", "osprey", "otter", "pebble",
  "pine", "plover", "quartz", "raven", "reef", "ridge", "river", "robin", "saddle", "sparrow", "spruce", "summit", "thistle", "tide", "topaz",
  "tundra", "valley", "walnut", "willow",
];

/** 64 hexadecimal digits that are not all decimal in the first twelve: the short id is the host name, which must not be a number. */
export function newId(): string {
  for (;;) {
    const id = crypto.getRandomValues(new Uint8Array(32)).toHex();
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
}

/** "brisk_otter"; from the second attempt on with a number behind it, since names are unique. */
export function newName(attempt: number): string {
  const [a = 0, b = 0, c = 0] = crypto.getRandomValues(new Uint16Array(3));
  return `${ADJECTIVES[a % ADJECTIVES.length]}_${NOUNS[b % NOUNS.length]}${attempt === 0 ? "" : c}`;
}
