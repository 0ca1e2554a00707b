import type { RepositoryEvent } from "../plan/repository-event.ts";
import type { EpochMs, RunRecord } from "./records.ts";

/**
 * What a team's server keeps besides runs: who may ask, which workers there are, which repositories it serves and when
 * their schedules fall due. SQLite and PostgreSQL implement it beside `Store` and pass one contract test. Every method is
 * atomic and throws the codes of `Store`.
 */
export interface Registry
  extends TokenRegistry,
    WorkerRegistry,
    RepositoryRegistry,
    ScheduleRegistry,
    DeliveryRegistry,
    SecretRegistry {}

/** `read` looks, `run` also starts, cancels and retries, `admin` also manages tokens and repositories. */
export type Role = "admin" | "run" | "read";

export interface TokenRecord {
  id: string;
  /** Unique among the tokens that are not revoked. */
  name: string;
  role: Role;
  /** SHA-256 of the token, hex; the token itself is stored nowhere. */
  hash: string;
  createdAt: EpochMs;
  /** Null: never. */
  expiresAt: EpochMs | null;
  revokedAt: EpochMs | null;
}

export interface TokenRegistry {
  /**
   * `createdAt` by the database's clock. `false`: another token of that name is there, not revoked; nothing is stored. The
   * same call again (id, hash) changes nothing and is true.
   */
  createToken(token: Omit<TokenRecord, "createdAt" | "revokedAt">): Promise<boolean>;
  /** The same only while there has never been any token: of several servers that start at once, one succeeds. */
  createFirstToken(token: Omit<TokenRecord, "createdAt" | "revokedAt">): Promise<boolean>;
  /** Neither revoked nor expired by the database's clock. */
  findToken(hash: string): Promise<TokenRecord | undefined>;
  /** By creation, revoked and expired ones too. */
  listTokens(): Promise<TokenRecord[]>;
  /** By name or id. `false`: there is no such token that is not revoked. */
  revokeToken(nameOrId: string): Promise<boolean>;
}

export interface WorkerRecord {
  /** As in `AttemptRecord.worker`; unique. */
  name: string;
  /** As people named it: `--name`, by default the host's name. */
  title: string;
  version: string;
  executors: RunRecord["executor"][];
  labels: string[];
  /** How many jobs it runs at most, and how many it runs now. */
  slots: number;
  activeJobs: number;
  state: "active" | "draining" | "stopped";
  startedAt: EpochMs;
  /** By the database's clock. */
  seenAt: EpochMs;
}

export interface WorkerRegistry {
  /** Stores or replaces the worker's row; `seenAt` is set by the database's clock. */
  reportWorker(worker: Omit<WorkerRecord, "seenAt">): Promise<void>;
  /**
   * By title, then name. Those not seen for 30 s count as stopped; those not seen for a day are left out and may be forgotten.
   */
  listWorkers(): Promise<WorkerRecord[]>;
}

/** A repository that the server takes webhooks for and watches the schedules of. */
export interface RepositoryRecord {
  /** `[a-z0-9]+`; part of its webhook's address. */
  id: string;
  /** As in `RunSource.repo.key`; unique. */
  key: string;
  name: string;
  /** What is cloned; without credentials. */
  url: string;
  /** Null until it is known. */
  defaultBranch: string | null;
  /** Shared with the repository's host: signs webhooks. Kept as it is, since a signature needs it. */
  webhookSecret: string;
  createdAt: EpochMs;
}

export interface RepositoryRegistry {
  /** `false`: another of that key is there already; nothing is stored. The same call again (id, key) is true. */
  addRepository(repository: Omit<RepositoryRecord, "createdAt">): Promise<boolean>;
  findRepository(by: { id: string } | { key: string }): Promise<RepositoryRecord | undefined>;
  /** By key. */
  listRepositories(): Promise<RepositoryRecord[]>;
  setDefaultBranch(id: string, branch: string): Promise<void>;
  /** With its schedules; its runs stay. `false`: there is none of that id. */
  removeRepository(id: string): Promise<boolean>;
}

export interface ScheduleRecord {
  id: string;
  repositoryId: string;
  pipeline: string;
  /** Five fields, as in crontab(5). */
  cron: string;
  /** IANA name. */
  timezone: string;
  /** Null: the default branch. */
  branch: string | null;
  nextAt: EpochMs;
}

export interface ScheduleRegistry {
  /**
   * Makes these the repository's schedules. One that was there with the same pipeline, cron, time zone and branch keeps
   * its id and `nextAt`; of equal ones there is one. Nothing where the repository has been removed.
   */
  replaceSchedules(repositoryId: string, schedules: Omit<ScheduleRecord, "repositoryId">[]): Promise<void>;
  /** By repository, pipeline, cron. */
  listSchedules(): Promise<ScheduleRecord[]>;
  /** Those whose `nextAt` has come by the database's clock, the oldest first; and what that clock says. */
  findDueSchedules(): Promise<{ due: ScheduleRecord[]; now: EpochMs }>;
  /** `false`: its `nextAt` is not `from` any more: somebody else has moved it on. */
  moveSchedule(id: string, from: EpochMs, to: EpochMs): Promise<boolean>;
}

/**
 * An event that a repository's host told and that was found to be genuine: recorded before it is acted upon, so that no crash
 * loses it, whichever server takes it up.
 */
export interface DeliveryRecord {
  id: string;
  repositoryId: string;
  /** The host's own id of it; unique per repository. */
  hostId: string;
  /** Names its content where that is signed, hex; unique per repository. Null: the same content may come again. */
  digest: string | null;
  event: RepositoryEvent;
  receivedAt: EpochMs;
  /** How often it was taken up. */
  attempts: number;
  /** Null: it is still to be acted upon. */
  result: DeliveryResult | null;
}

/** `notes`: a sentence per pipeline that made no run, and about what went wrong. */
export interface DeliveryResult {
  runs: { id: string; pipeline: string; number: number }[];
  notes: string[];
}

/** One that is taken up more often than this holds up no later one any more. */
export const ATTEMPTS_IN_ORDER = 3;

export type NewDelivery = Omit<DeliveryRecord, "receivedAt" | "attempts" | "result">;

export interface DeliveryRegistry {
  /**
   * Durable when it returns. Where one of the repository with this `hostId` or `digest` is there already, nothing is stored
   * and that one comes back. Undefined: there is no such repository.
   */
  recordDelivery(delivery: NewDelivery): Promise<DeliveryRecord | undefined>;
  /**
   * The oldest that is to be acted upon, is due, and waits for no earlier one of its repository (unfinished, and taken up at
   * most `ATTEMPTS_IN_ORDER` times); `attempts` + 1. Nobody else gets it for `leaseMs` by the database's clock.
   */
  claimDelivery(leaseMs: number): Promise<DeliveryRecord | undefined>;
  /** Unless it was claimed again since (`attempts`) or is finished: `false` then. */
  finishDelivery(id: string, attempts: number, result: DeliveryResult): Promise<boolean>;
  /** To be claimed again, not before `delayMs` have passed; the same condition. */
  postponeDelivery(id: string, attempts: number, delayMs: number): Promise<boolean>;
  findDelivery(id: string): Promise<DeliveryRecord | undefined>;
  /** The newest first. */
  listDeliveries(repositoryId: string, limit: number): Promise<DeliveryRecord[]>;
  /** Forgets finished ones that are older. */
  forgetDeliveries(olderThanMs: number): Promise<void>;
}

/** A secret as it lies in the database. `sealed`, `former`: see `sealed.ts`. */
export interface SecretRecord {
  /** As in `RunSource.repo.key`; "" for all repositories. */
  repositoryKey: string;
  /** Unique among those of the repository. */
  name: string;
  /** Null: it was removed, and is known for as long as what it was may still be in use. */
  sealed: string | null;
  /** Jobs find it in a file. */
  isFile: boolean;
  /** The value before, for as long as it may still be in use. */
  former: string | null;
  createdAt: EpochMs;
  updatedAt: EpochMs;
}

export interface SecretRegistry {
  /**
   * Stores or replaces it; what it was before comes back as `former` for `formerMs` by the database's clock, unless it is the same.
   */
  putSecret(
    secret: Pick<SecretRecord, "repositoryKey" | "name" | "isFile"> & { sealed: string },
    formerMs: number,
  ): Promise<void>;
  /** Of the repository and of all repositories: the latter first, then by name. Undefined: of any. */
  listSecrets(repositoryKey: string | undefined): Promise<SecretRecord[]>;
  /** What it was stays known as `former` for `formerMs`. `false`: there is none of that name. */
  removeSecret(repositoryKey: string, name: string, formerMs: number): Promise<boolean>;
}
