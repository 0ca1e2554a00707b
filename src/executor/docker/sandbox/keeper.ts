import type Dockerode from "dockerode";

/** The end of a report. */
export const REPORT_END = ".";

/** What Docker shares, together with the network, between the containers of a sandbox. */
const SHARED_FILES = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
/** The kernel's tables of everything that can be open in a network namespace: proc_pid_net(5). */
const SOCKET_TABLES = [
  ...["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6"],
  ...["unix", "packet", "sctp/assocs", "sctp/eps"],
].map((table) => `/proc/net/${table}`);

/** For each line on its input the keeper prints what could outlast a job, then a REPORT_END. Files that the kernel lacks are passed over. */
const KEEPER = `while IFS= read -r request; do
  cat ${[...SHARED_FILES, ...SOCKET_TABLES].join(" ")} 2>/dev/null
  printf '${REPORT_END}\\n'
done`;

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
 * A report without what changes by itself: two that are equal mean that nothing was left behind in between. Of the kernel's
 * tables, which a line of headings begins, the counters and the places in memory go: of internet sockets both addresses and the
 * state stay, of the others all but the first column. Throws where there is no table in it: the image has no `cat`.
 */
export function normalizeReport(report: string): string {
  let columns: [number, number?] = [0];
  let tables = 0;
  const lines = report.split("\n").map((line) => {
    const heading = HEADINGS.find(({ pattern }) => pattern.test(line));
    if (heading === undefined) {
      return tables === 0
        ? line
        : line
            .trim()
            .split(/\s+/)
            .slice(...columns)
            .join(" ");
    }
    tables += 1;
    columns = heading.columns;
    return line;
  });
  if (tables === 0) throw new Error("the keeper cannot read the kernel's tables");
  return lines.join("\n");
}

const HEADINGS: { pattern: RegExp; columns: [number, number?] }[] = [
  { pattern: /^ *sl +local_address /, columns: [1, 4] },
  { pattern: /^ *(Num|sk|ENDPT|ASSOC) +/, columns: [1] },
];
