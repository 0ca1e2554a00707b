import type { Registry } from "../../run/registry.ts";
import { createDeliveryRegistry } from "./deliveries.ts";
import type { PostgresConnection } from "./postgres-connection.ts";
import { createRepositoryRegistry } from "./repositories.ts";
import { createScheduleRegistry } from "./schedules.ts";
import { createSecretRegistry } from "./secrets.ts";
import { createTokenRegistry } from "./tokens.ts";
import { createWorkerRegistry } from "./workers.ts";

export function createRegistry(db: PostgresConnection): Registry {
  return {
    ...createTokenRegistry(db),
    ...createWorkerRegistry(db),
    ...createRepositoryRegistry(db),
    ...createScheduleRegistry(db),
    ...createDeliveryRegistry(db),
    ...createSecretRegistry(db),
  };
}
