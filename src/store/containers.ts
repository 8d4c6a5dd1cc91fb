/** The tables of containers, address and port leases, and sysctls that mdk changed. */

export const CONTAINERS_SCHEMA = "";
