import type { Row } from "./row.ts";
import { apiReport } from "./rows/api-report.ts";
import { check } from "./rows/check.ts";
import { fanOut } from "./rows/fan-out.ts";
import { largeRepository } from "./rows/large-repository.ts";
import { log } from "./rows/log.ts";
import { memory } from "./rows/memory.ts";
import { chainOfNeeds, noOp } from "./rows/no-op.ts";
import { report } from "./rows/report.ts";
import { rivalRows } from "./rows/rivals.ts";
import { scheduling } from "./rows/scheduling.ts";
import { version } from "./rows/version.ts";

/** In the order of the table of goals. */
export const ROWS: readonly Row[] = [
  version,
  check,
  noOp,
  chainOfNeeds,
  fanOut,
  largeRepository,
  ...rivalRows,
  log,
  memory,
  report,
  apiReport,
  scheduling,
];
