/** The driver of a network. */
import type { Network } from "../../../store/networks.ts";
import { BRIDGE_DRIVER } from "./bridge.ts";
import type { Driver } from "./driver.ts";
import { MACVLAN_DRIVER } from "./macvlan.ts";
import { NOWHERE_DRIVER } from "./nowhere.ts";

const DRIVERS = { bridge: BRIDGE_DRIVER, macvlan: MACVLAN_DRIVER, host: NOWHERE_DRIVER, null: NOWHERE_DRIVER } as const satisfies Record<Network["driver"], Driver>;

export const driverOf = ({ driver }: Pick<Network, "driver">): Driver => DRIVERS[driver];
