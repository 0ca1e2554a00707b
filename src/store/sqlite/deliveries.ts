import type { DeliveryRecord, DeliveryRegistry, NewDelivery } from "../../run/registry.ts";
import { DELIVERY_COLUMNS, type DeliveryRow, deliveryRecord, IS_FIRST_OPEN } from "../delivery-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

export function createDeliveryRegistry(db: SqliteConnection): DeliveryRegistry {
  return {
    recordDelivery: (delivery) => db.write("full", () => recordDelivery(db, delivery)),
    claimDelivery: (leaseMs) => db.write("normal", () => claimDelivery(db, leaseMs)),
    finishDelivery: (id, attempts, result) =>
      db.write("full", () => {
        const sql = "UPDATE deliveries SET result = ?3 WHERE id = ?1 AND attempts = ?2 AND result IS NULL";
        return db.run(sql, id, attempts, JSON.stringify(result)) > 0;
      }),
    postponeDelivery: (id, attempts, delayMs) =>
      db.write("normal", () => {
        const sql = "UPDATE deliveries SET due_at = ?3 WHERE id = ?1 AND attempts = ?2 AND result IS NULL";
        return db.run(sql, id, attempts, db.now() + delayMs) > 0;
      }),
    findDelivery: (id) =>
      db.read(() => {
        const row = db.get<DeliveryRow>(`SELECT ${DELIVERY_COLUMNS} FROM deliveries WHERE id = ?1`, id);
        return row && deliveryRecord(row);
      }),
    listDeliveries: (repositoryId, limit) =>
      db.read(() => {
        const sql = `SELECT ${DELIVERY_COLUMNS} FROM deliveries WHERE repository_id = ?1 ORDER BY seq DESC LIMIT ?2`;
        return db.all<DeliveryRow>(sql, repositoryId, limit).map(deliveryRecord);
      }),
    forgetDeliveries: (olderThanMs) =>
      db.write("normal", () => {
        const sql = "DELETE FROM deliveries WHERE result IS NOT NULL AND received_at < ?1";
        db.run(sql, db.now() - olderThanMs);
      }),
  };
}

function recordDelivery(db: SqliteConnection, delivery: NewDelivery): DeliveryRecord | undefined {
  const { id, repositoryId, hostId, digest, event } = delivery;
  if (db.get("SELECT 1 FROM served_repositories WHERE id = ?1", repositoryId) === undefined) return undefined;
  const now = db.now();
  db.run(
    `INSERT INTO deliveries (id, repository_id, host_id, digest, event, received_at, due_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO NOTHING`,
    ...[id, repositoryId, hostId, digest, JSON.stringify(event), now],
  );
  const row = db.get<DeliveryRow>(
    `SELECT ${DELIVERY_COLUMNS} FROM deliveries
     WHERE repository_id = ?1 AND (host_id = ?2 OR digest = ?3) ORDER BY seq LIMIT 1`,
    ...[repositoryId, hostId, digest],
  );
  return row && deliveryRecord(row);
}

function claimDelivery(db: SqliteConnection, leaseMs: number): DeliveryRecord | undefined {
  const now = db.now();
  const row = db.get<DeliveryRow>(
    `UPDATE deliveries SET attempts = attempts + 1, due_at = ?2
     WHERE seq = (SELECT seq FROM deliveries WHERE ${IS_FIRST_OPEN} AND due_at <= ?1 ORDER BY seq LIMIT 1)
     RETURNING ${DELIVERY_COLUMNS}`,
    ...[now, now + leaseMs],
  );
  return row && deliveryRecord(row);
}
