import { expect, test } from "bun:test";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { serviceNames } from "../../src/pipeline/service-names.ts";
import { createPlan } from "../../src/plan/create-plan.ts";
import { pipelineOf, planOf } from "./build.ts";

test("the variables that are known go into the names of services, the others wait for the run", () => {
  const jobs = `  a:
    stage: test
    script: ls
    variables: { IMAGE: postgres }
    services: [{ name: "$IMAGE:$TAG", alias: $ALIAS }, "$CI_COMMIT_REF_SLUG/app"]\n`;
  const { services } = planOf(jobs, { variables: { TAG: "17" } }).jobs[0]!;
  expect(services.map(({ name }) => name)).toEqual(["postgres:17", "$CI_COMMIT_REF_SLUG/app"]);
});

test("services that nothing defines, or that need privileges, are warned of", () => {
  const noted = (image: string) =>
    createPlan(pipelineOf(`  a: { stage: test, script: ls, services: ["${image}"] }\n`), {
      facts: NO_FACTS,
    }).warnings.map(({ code, message }) => `${code} ${message}`);
  expect(noted("postgres:$VERSION")).toEqual([
    'PLAN_UNDEFINED_VARIABLE the image of a service of "a" refers to $VERSION, which nothing defines',
  ]);
  for (const image of ["docker:dind", "docker:27.3-dind", "registry.example.org:5000/docker:dind-rootless"]) {
    expect(noted(image)).toEqual([
      `PLAN_PRIVILEGED_SERVICE the service ${image} of "a" needs privileged containers, which cicd does not give`,
    ]);
  }
  expect(noted("docker:27-cli")).toEqual([]);
  expect(noted("dind.example.org/postgres")).toEqual([]);
});

test("a service has its aliases and the names that GitLab makes of its image, the first of two the latter alone", () => {
  const names = (...services: [name: string, ...aliases: string[]][]) =>
    serviceNames(services.map(([name, ...aliases]) => ({ name, aliases })));
  expect(names(["reg.example.org:5000/group/img:1.2"])).toEqual([
    ["reg.example.org__group__img", "reg.example.org-group-img"],
  ]);
  expect(names(["postgres@sha256:0123", "db"], ["postgres:17", "other"])).toEqual([
    ["db", "postgres"],
    ["other"],
  ]);
  expect(names(["redis:7"], ["keydb", "redis"])).toEqual([[], ["redis", "keydb"]]);
});
