import { BlockList, isIPv4, isIPv6 } from "node:net";

/** IANA's special-purpose registries: what is not reachable from everywhere, or carries an IPv4 address inside. */
const SPECIAL_IPV4: readonly [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/** Of IPv6 only the global unicast addresses (2000::/3) are public, without tunnels (Teredo, 6to4). */
const PUBLIC_IPV6: readonly [string, number] = ["2000::", 3];
const SPECIAL_IPV6: readonly [string, number][] = [
  ["2001::", 23],
  ["2002::", 16],
];

const special = new BlockList();
for (const [address, bits] of SPECIAL_IPV4) special.addSubnet(address, bits, "ipv4");
for (const [address, bits] of SPECIAL_IPV6) special.addSubnet(address, bits, "ipv6");
const global = new BlockList();
global.addSubnet(...PUBLIC_IPV6, "ipv6");

/** False for loopback, private, link-local, shared, multicast, unspecified and reserved addresses, and for what is no address. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, "ipv4");
  return isIPv6(address) && global.check(address, "ipv6") && !special.check(address, "ipv6");
}
