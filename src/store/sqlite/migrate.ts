import { CicdError } from "../../errors/cicd-error.ts";
import initial from "./migrations/0001_initial.sql" with { type: "text" };
import busyTime from "./migrations/0002_busy_time.sql" with { type: "text" };
import team from "./migrations/0003_team.sql" with { type: "text" };
import registry from "./migrations/0004_registry.sql" with { type: "text" };
import deliveries from "./migrations/0005_deliveries.sql" with { type: "text" };
import identity from "./migrations/0006_identity.sql" with { type: "text" };
import phases from "./migrations/0007_phases.sql" with { type: "text" };
import priority from "./migrations/0008_priority.sql" with { type: "text" };
import delaysAndGroups from "./migrations/0009_delays_and_groups.sql" with { type: "text" };
import results from "./migrations/0011_results.sql" with { type: "text" };
import secrets from "./migrations/0012_secrets.sql" with { type: "text" };
import childRuns from "./migrations/0013_child_runs.sql" with { type: "text" };
import type { SqliteConnection } from "./sqlite-connection.ts";

/** In order; the n-th takes the schema from version n - 1 to n. Never changed once released. */
const MIGRATIONS: readonly string[] = [
  initial,
  busyTime,
  team,
  registry,
  deliveries,
  identity,
  phases,
  priority,
  delaysAndGroups,
  results,
  secrets,
  childRuns,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** "cicd" in ASCII, in the header of each of our files. */
const APPLICATION_ID = 0x63696364;

/**
 * Throws STORE_SCHEMA_NEWER for a file of a newer cicd and STORE_CORRUPT for one that is somebody else's, before
 * anything is written to it.
 */
export async function refuseForeign(connection: SqliteConnection): Promise<void> {
  await connection.read(() => schemaVersion(connection));
}

/** Whether it can be used as it is. Throws as `refuseForeign`. */
export async function isCurrent(connection: SqliteConnection): Promise<boolean> {
  return (await connection.read(() => schemaVersion(connection))) === SCHEMA_VERSION;
}

/** Brings the schema up to date, once, however many processes open the file at the same time. */
export async function migrate(connection: SqliteConnection): Promise<void> {
  if (await isCurrent(connection)) return;
  await connection.write("full", () => {
    for (let version = schemaVersion(connection); version < SCHEMA_VERSION; version += 1) {
      connection.script(MIGRATIONS[version]!);
    }
    connection.script(`PRAGMA application_id = ${APPLICATION_ID}`);
    connection.script(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  });
}

/** Of the file; 0 for an empty one. */
function schemaVersion(connection: SqliteConnection): number {
  const { id } = connection.get<{ id: number }>("SELECT application_id AS id FROM pragma_application_id")!;
  const { version } = connection.get<{ version: number }>(
    "SELECT user_version AS version FROM pragma_user_version",
  )!;
  if (id === APPLICATION_ID && version > SCHEMA_VERSION) {
    throw new CicdError(
      "STORE_SCHEMA_NEWER",
      `The database ${connection.path} has schema ${version}; this cicd knows up to ${SCHEMA_VERSION}.`,
      { hint: "Upgrade cicd, or name another database with --database." },
    );
  }
  if (id === APPLICATION_ID) return version;
  const { tables } = connection.get<{ tables: number }>("SELECT count(*) AS tables FROM sqlite_schema")!;
  if (id === 0 && version === 0 && tables === 0) return 0;
  throw new CicdError("STORE_CORRUPT", `The file is not a cicd database: ${connection.path}`, {
    hint: "Name another file with --database.",
  });
}
