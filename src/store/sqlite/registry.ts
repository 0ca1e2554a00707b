import type { Registry } from "../../run/registry.ts";
import { createDeliveryRegistry } from "./deliveries.ts";
import { createRepositoryRegistry } from "./repositories.ts";
import { createScheduleRegistry } from "./schedules.ts";
import { createSecretRegistry } from "./secrets.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { createTokenRegistry } from "./tokens.ts";
import { createWorkerRegistry } from "./workers.ts";

export function createRegistry(db: SqliteConnection): Registry {
  return {
    ...createTokenRegistry(db),
    ...createWorkerRegistry(db),
    ...createRepositoryRegistry(db),
    ...createScheduleRegistry(db),
    ...createDeliveryRegistry(db),
    ...createSecretRegistry(db),
  };
}
