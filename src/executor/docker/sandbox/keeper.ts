import type Dockerode from "dockerode";

/** What Docker shares, together with the network, between the containers of a sandbox. */
const SHARED_FILES = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
/** The kernel's tables of everything that can be open in a network namespace: proc_pid_net(5). */
const SOCKET_TABLES = [
  ...["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6"],
  ...["unix", "packet", "sctp/assocs", "sctp/eps"],
].map((table) => `/proc/net/${table}`);

/**
 * For each line on its input, a mark that no job can know beforehand, the keeper prints what could outlast a job: each shared file, who may
 * do what with these files, and the tables that the kernel has, each of the five parts followed by the mark.
 */
const KEEPER = `while IFS= read -r mark; do
${SHARED_FILES.map((file) => `  cat ${file}; printf %s "$mark"`).join("\n")}
  ls -lnd ${SHARED_FILES.join(" ")}; printf %s "$mark"
  cat ${SOCKET_TABLES.join(" ")} 2>/dev/null; printf %s "$mark"
done`;
const PARTS = SHARED_FILES.length + 2;

/** Whether all parts of the answer to `mark` have come. */
export function isWhole(report: string, mark: string): boolean {
  return report.split(mark).length > PARTS;
}

/** The body of the request that makes a keeper: a process without rights and without anything of a job, which waits for questions. */
export function keeperOptions(
  image: string,
  network: string,
  labels: Record<string, string>,
): Dockerode.ContainerCreateOptions {
  return {
    Image: image,
    Entrypoint: ["sh", "-c", KEEPER],
    Cmd: [],
    User: "65534:65534",
    WorkingDir: "/",
    OpenStdin: true,
    Labels: labels,
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      NetworkMode: network,
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: 16,
      LogConfig: { Type: "none", Config: {} },
    },
  };
}

/**
 * A report without its mark and what changes by itself: two that are equal mean that nothing was left behind in between. Throws where
 * the image lacks `cat` or `ls`.
 */
export function normalizeReport(report: string, mark: string): string {
  const parts = report.split(mark);
  const files = parts.slice(0, SHARED_FILES.length);
  const [rights = "", tables = ""] = parts.slice(SHARED_FILES.length);
  return JSON.stringify([...files, rightsOf(rights), normalizeTables(tables)]);
}

/** Mode, user, group and size: the engine itself writes `resolv.conf` again when a container joins. */
function rightsOf(listing: string): string[] {
  const lines = listing.split("\n").filter((line) => line !== "");
  if (lines.length !== SHARED_FILES.length) throw new Error("the keeper cannot list files");
  return lines.map((line) => {
    const [mode, , user, group, size] = line.split(/\s+/);
    return [mode, user, group, size].join(" ");
  });
}

/**
 * Of the kernel's tables, each of which a line of headings begins, the counters and the places in memory go: of internet sockets
 * both addresses and the state stay, of the others all but the first column.
 */
function normalizeTables(text: string): string[] {
  let columns: [number, number?] = [0];
  let tables = 0;
  const lines = text.split("\n").map((line) => {
    const heading = HEADINGS.find(({ pattern }) => pattern.test(line));
    if (heading === undefined)
      return line
        .trim()
        .split(/\s+/)
        .slice(...columns)
        .join(" ");
    tables += 1;
    columns = heading.columns;
    return line;
  });
  if (tables === 0) throw new Error("the keeper cannot read the kernel's tables");
  return lines;
}

const HEADINGS: { pattern: RegExp; columns: [number, number?] }[] = [
  { pattern: /^ *sl +local_address /, columns: [1, 4] },
  { pattern: /^ *(Num|sk|ENDPT|ASSOC) +/, columns: [1] },
];
