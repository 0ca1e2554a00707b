import type { DeliveryRecord, DeliveryRegistry, NewDelivery } from "../../run/registry.ts";
import { DELIVERY_COLUMNS, type DeliveryRow, deliveryRecord, IS_FIRST_OPEN } from "../delivery-rows.ts";
import { NOW, type PostgresConnection, type Session } from "./postgres-connection.ts";

export function createDeliveryRegistry(db: PostgresConnection): DeliveryRegistry {
  return {
    recordDelivery: (delivery) => db.write((session) => recordDelivery(session, delivery), "any"),
    claimDelivery: (leaseMs) => db.write((session) => claimDelivery(session, leaseMs), "refused"),
    finishDelivery: async (id, attempts, result) => {
      const sql = "UPDATE deliveries SET result = $3 WHERE id = $1 AND attempts = $2 AND result IS NULL";
      return (
        (await db.writeOne((session) => session.run(sql, id, attempts, JSON.stringify(result)), "any")) > 0
      );
    },
    postponeDelivery: async (id, attempts, delayMs) => {
      const sql = `UPDATE deliveries SET due_at = ${NOW} + $3 WHERE id = $1 AND attempts = $2 AND result IS NULL`;
      return (await db.writeOne((session) => session.run(sql, id, attempts, delayMs), "any")) > 0;
    },
    findDelivery: (id) =>
      db.read(async (session) => {
        const sql = `SELECT ${DELIVERY_COLUMNS} FROM deliveries WHERE id = $1`;
        const row = await session.get<DeliveryRow>(sql, id);
        return row && deliveryRecord(row);
      }),
    listDeliveries: (repositoryId, limit) =>
      db.read(async (session) => {
        const sql = `SELECT ${DELIVERY_COLUMNS} FROM deliveries WHERE repository_id = $1 ORDER BY seq DESC LIMIT $2`;
        return (await session.all<DeliveryRow>(sql, repositoryId, limit)).map(deliveryRecord);
      }),
    forgetDeliveries: async (olderThanMs) => {
      const sql = `DELETE FROM deliveries WHERE result IS NOT NULL AND received_at < ${NOW} - $1`;
      await db.writeOne((session) => session.run(sql, olderThanMs), "any");
    },
  };
}

/** Under the repository's lock: they become visible in the order of `seq`. */
async function recordDelivery(session: Session, delivery: NewDelivery): Promise<DeliveryRecord | undefined> {
  const { id, repositoryId, hostId, digest, event } = delivery;
  const lock = "SELECT 1 FROM served_repositories WHERE id = $1 FOR NO KEY UPDATE";
  if ((await session.get(lock, repositoryId)) === undefined) return undefined;
  await session.run(
    `INSERT INTO deliveries (id, repository_id, host_id, digest, event, received_at, due_at)
     VALUES ($1, $2, $3, $4, $5, ${NOW}, ${NOW}) ON CONFLICT DO NOTHING`,
    ...[id, repositoryId, hostId, digest, JSON.stringify(event)],
  );
  const row = await session.get<DeliveryRow>(
    `SELECT ${DELIVERY_COLUMNS} FROM deliveries
     WHERE repository_id = $1 AND (host_id = $2 OR digest = $3) ORDER BY seq LIMIT 1`,
    ...[repositoryId, hostId, digest],
  );
  return row && deliveryRecord(row);
}

/** One that another server is just claiming is passed over. */
async function claimDelivery(session: Session, leaseMs: number): Promise<DeliveryRecord | undefined> {
  const found = await session.get<{ seq: number }>(
    `SELECT seq FROM deliveries WHERE ${IS_FIRST_OPEN} AND due_at <= ${NOW}
     ORDER BY seq LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`,
  );
  if (found === undefined) return undefined;
  const row = await session.get<DeliveryRow>(
    `UPDATE deliveries SET attempts = attempts + 1, due_at = ${NOW} + $2 WHERE seq = $1 RETURNING ${DELIVERY_COLUMNS}`,
    ...[found.seq, leaseMs],
  );
  return row && deliveryRecord(row);
}
