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
import { LONG_ANSWER_MS, type PostgresConnection, type Session } from "./postgres-connection.ts";

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

/**
 * Brings the schema up to date, once, however many processes start at the same time. The tables lie in the first schema
 * of the connection's search_path. Throws STORE_SCHEMA_NEWER for one of a newer cicd, STORE_CORRUPT where somebody
 * else's tables are in the way, and STORE_UNREACHABLE where there is no such schema; nothing is written then.
 */
export async function migrate(connection: PostgresConnection): Promise<void> {
  if (
    (await connection.writeOne((session) => currentVersion(session, connection.location))) === SCHEMA_VERSION
  )
    return;
  await connection.write(
    async (session) => {
      await session.run(
        "SELECT pg_advisory_xact_lock(hashtext('cicd migrations'), hashtext(current_schema()))",
      );
      const version = await currentVersion(session, connection.location);
      if (version === SCHEMA_VERSION) return;
      if (version === 0) await refuseForeignTables(session, connection.location);
      await session.script("CREATE TABLE IF NOT EXISTS cicd_schema (version integer NOT NULL)");
      for (const migration of MIGRATIONS.slice(version)) await session.script(migration);
      await session.script("DELETE FROM cicd_schema");
      await session.run("INSERT INTO cicd_schema (version) VALUES ($1)", SCHEMA_VERSION);
    },
    "never",
    LONG_ANSWER_MS,
  );
}

async function currentVersion(session: Session, location: string): Promise<number> {
  const found = await session.get<{ schema: string | null; known: boolean }>(
    `SELECT current_schema() AS schema, EXISTS (
       SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = 'cicd_schema'
     ) AS known`,
  );
  if (found === undefined || found.schema === null)
    throw new CicdError("STORE_UNREACHABLE", `The search_path names no existing schema in ${location}.`, {
      hint: "Create the schema, or name another one in the database URL.",
    });
  if (!found.known) return 0;
  const row = await session.get<{ version: number }>("SELECT version FROM cicd_schema");
  const version = row?.version ?? 0;
  if (version <= SCHEMA_VERSION) return version;
  throw new CicdError(
    "STORE_SCHEMA_NEWER",
    `The database ${location} has schema ${version}; this cicd knows up to ${SCHEMA_VERSION}.`,
    { hint: "Upgrade cicd, or name another database with --database." },
  );
}

async function refuseForeignTables(session: Session, location: string): Promise<void> {
  const foreign = await session.get<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
       AND relname IN ('repositories', 'pipelines', 'plans', 'runs', 'jobs', 'attempts', 'artifacts', 'log_chunks',
         'events', 'test_failures', 'tokens', 'workers', 'served_repositories', 'schedules', 'deliveries', 'database_identity', 'secrets')
     LIMIT 1`,
  );
  if (foreign === undefined) return;
  throw new CicdError("STORE_CORRUPT", `The table ${foreign.name} in ${location} is not cicd's.`, {
    hint: "Name another database, or a schema of its own with ?search_path=NAME in the URL.",
  });
}
