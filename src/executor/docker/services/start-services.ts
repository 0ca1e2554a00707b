import type Dockerode from "dockerode";
import type { Service } from "../../../pipeline/pipeline.ts";
import { serviceNames } from "../../../pipeline/service-names.ts";
import type { AttemptSpec } from "../../../run/executor.ts";
import { makeArchive } from "../archives.ts";
import type { Engine } from "../connection.ts";
import { confinement, type ResourceLimits, variableFiles } from "../container-options.ts";
import { postContainer } from "../create-container.ts";
import { ask, dockerMessage, statusOf } from "../engine-error.ts";
import { putArchive } from "../fill-container.ts";
import type { ImageFacts, JobImages } from "../images.ts";
import { attemptLabels } from "../labels.ts";
import { awaitReady } from "./await-ready.ts";
import { followLog, SHOWS_SERVICES } from "./follow-log.ts";
import { Lookout } from "./lookout.ts";
import { serviceObjects } from "./names.ts";
import { serviceEnvironment } from "./service-environment.ts";
import { failureOf, type StartedService, titleOf } from "./service-failure.ts";

/** What the engine keeps of what a service prints. */
const LOG_BYTES = "10m";
/** Between two checks of an image's own HEALTHCHECK: what images say (30 s, mostly) is meant for years of service. */
const CHECK_INTERVAL_MS = 1_000;
const CHECK_RETRIES = 120;

export interface ServicePlace {
  engine: Engine;
  images: JobImages;
  network: string;
  limits: ResourceLimits;
  /** The id of the job's image. */
  jobImage: string;
  /** For each service to become ready. */
  limitMs: number;
  /** Aborted once nothing more may be said of the attempt. */
  over: AbortSignal;
}

/**
 * Starts the services of the attempt in its network, all at once, and waits until each is ready. Throws ServiceFailure,
 * DOCKER_FAILED, DOCKER_UNREACHABLE, ImagePullError; the signal's reason when aborted. Nothing is being made any more by then;
 * what was made is left to `removeAttempt`.
 */
export async function startServices(
  place: ServicePlace,
  spec: AttemptSpec,
  signal: AbortSignal,
): Promise<void> {
  const { services } = spec.job;
  const names = serviceNames(services);
  const { containers, lookouts } = serviceObjects(spec);
  const failing = new AbortController();
  const both = AbortSignal.any([signal, failing.signal]);
  const begin = async (service: Service, index: number) => {
    try {
      const title = titleOf(service);
      const plan = { service, title, name: containers[index]!, aliases: names[index]! };
      const started = await start(place, spec, plan, both);
      if (spec.environment[SHOWS_SERVICES] === "true")
        void followLog(place.engine, started, spec.onProgress, AbortSignal.any([signal, place.over]));
      const lookout = new Lookout(spec, lookouts[index]!, place.jobImage);
      return await awaitReady(place.engine, started, lookout, place.limitMs, both);
    } catch (error) {
      failing.abort(error);
      throw error;
    }
  };
  const ended = await Promise.allSettled(services.map(begin));
  signal.throwIfAborted();
  failing.signal.throwIfAborted();
  for (const end of ended)
    if (end.status === "fulfilled" && end.value !== undefined) spec.onProgress(end.value);
  spec.onProgress(`services are ready: ${services.map(titleOf).join(", ")}`);
}

interface ServicePlan {
  service: Service;
  title: string;
  name: string;
  aliases: string[];
}

async function start(
  place: ServicePlace,
  spec: AttemptSpec,
  plan: ServicePlan,
  signal: AbortSignal,
): Promise<StartedService> {
  const { engine, images } = place;
  const { service, title } = plan;
  const create = async () => {
    const facts = await images.ensure(service, spec.onProgress, signal);
    signal.throwIfAborted();
    const body = options(place, spec, plan, facts);
    return { facts, id: await postContainer(engine, plan.name, body, service.platform) };
  };
  const { facts, id } = await create().catch(async (error) => {
    if (statusOf(error) !== 404) return await ask(engine.host, "create a service", Promise.reject(error));
    // The image was removed since it was last looked at.
    images.forget(service);
    return await ask(engine.host, "create a service", create());
  });
  signal.throwIfAborted();
  const files = variableFiles(spec);
  if (files.length > 0) await putArchive(engine, id, makeArchive(files), signal);
  const isChecked = isTest(service.healthcheck?.test) ?? facts.hasHealthcheck;
  const started = { id, title, service, ports: facts.ports, isChecked };
  try {
    await engine.docker.getContainer(id).start();
  } catch (error) {
    if (statusOf(error) === undefined)
      return await ask(engine.host, "start a service", Promise.reject(error));
    throw await failureOf(engine, started, `could not start: ${dockerMessage(error)}`);
  }
  return started;
}

/** Undefined: it says nothing of health. */
function isTest(test: string[] | undefined): boolean | undefined {
  return test === undefined ? undefined : test[0] !== "NONE";
}

function options(
  { network, limits }: ServicePlace,
  spec: AttemptSpec,
  { service, aliases }: ServicePlan,
  facts: ImageFacts,
): Dockerode.ContainerCreateOptions {
  const { entrypoint, command, user } = service;
  const environment = serviceEnvironment(spec, service);
  return {
    Image: service.name,
    ...(entrypoint && { Entrypoint: entrypoint }),
    ...(command && { Cmd: command }),
    ...(user && { User: user }),
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    Labels: attemptLabels(spec.labels),
    ...health(service, facts),
    HostConfig: {
      ...confinement(limits),
      NetworkMode: network,
      LogConfig: { Type: "local", Config: { "max-size": LOG_BYTES, "max-file": "1", compress: "false" } },
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: aliases } } },
  };
}

/** Without a test, the engine takes the image's. */
function health(
  { healthcheck }: Service,
  { hasHealthcheck }: ImageFacts,
): Pick<Dockerode.ContainerCreateOptions, "Healthcheck"> {
  if (healthcheck === undefined) {
    if (!hasHealthcheck) return {};
    return { Healthcheck: { Interval: nanoseconds(CHECK_INTERVAL_MS), Retries: CHECK_RETRIES } };
  }
  return {
    Healthcheck: {
      Test: healthcheck.test,
      Interval: nanoseconds(healthcheck.intervalMs),
      Timeout: nanoseconds(healthcheck.timeoutMs),
      Retries: healthcheck.retries,
      StartPeriod: nanoseconds(healthcheck.startPeriodMs),
    },
  };
}

function nanoseconds(ms: number): number {
  return Math.round(ms * 1e6);
}
