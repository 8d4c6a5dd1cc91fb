/** `host` and `none`: containers are in the host's network, or in one with a loopback interface only. */
import type { Driver } from "./driver.ts";

export const NOWHERE_DRIVER: Driver = { hasPlace: false, publishes: false, interfacePrefix: () => "", raise: () => 0, attach: () => {} };
