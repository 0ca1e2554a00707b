import type { RepositoryEvent } from "../plan/repository-event.ts";
import { ATTEMPTS_IN_ORDER, type DeliveryRecord, type DeliveryResult } from "../run/registry.ts";

/** Deliveries under the names of their record's fields; the same for SQLite and PostgreSQL. */
export const DELIVERY_COLUMNS = `
  id, repository_id AS "repositoryId", host_id AS "hostId", digest, event, received_at AS "receivedAt", attempts, result`;

/** It waits for no earlier one of its repository (`DeliveryRegistry.claimDelivery`). Of the table `deliveries`. */
export const IS_FIRST_OPEN = `
  result IS NULL AND NOT EXISTS (
    SELECT 1 FROM deliveries AS earlier
    WHERE earlier.repository_id = deliveries.repository_id AND earlier.result IS NULL AND earlier.seq < deliveries.seq
      AND earlier.attempts <= ${ATTEMPTS_IN_ORDER})`;

/** `event` and `result` as JSON text. */
export type DeliveryRow = Omit<DeliveryRecord, "event" | "result"> & { event: string; result: string | null };

export function deliveryRecord(row: DeliveryRow): DeliveryRecord {
  return {
    ...row,
    event: JSON.parse(row.event) as RepositoryEvent,
    result: row.result === null ? null : (JSON.parse(row.result) as DeliveryResult),
  };
}
