/** proc_pid_net(5): `sl local_address rem_address st …`, numbers in hexadecimal, addresses in the host's byte order. */
const SOCKET = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F:]+ ([0-9A-F]{2})\b/;
const LISTEN = "0A";
const IPV6_LOOPBACK = "00000000000000000000000001000000";
const MAPPED_LOOPBACK = /^0{16}FFFF0000[0-9A-F]{6}7F$/;

/** The TCP ports that somebody listens on, of the texts of `/proc/net/tcp` and `tcp6`. `loopback`: only for the container itself. */
export function listeningPorts(tables: string): { open: Set<number>; loopback: Set<number> } {
  const open = new Set<number>();
  const loopback = new Set<number>();
  for (const line of tables.split("\n")) {
    const [, address = "", port = "", state] = SOCKET.exec(line) ?? [];
    if (state !== LISTEN) continue;
    (isLoopback(address) ? loopback : open).add(Number.parseInt(port, 16));
  }
  return { open, loopback };
}

function isLoopback(address: string): boolean {
  return address.length === 8
    ? address.endsWith("7F")
    : address === IPV6_LOOPBACK || MAPPED_LOOPBACK.test(address);
}
