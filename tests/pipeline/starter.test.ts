import { describe, expect, test } from "bun:test";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import { starterPipeline } from "../../src/pipeline/starter.ts";

const scripts = (...names: string[]) =>
  JSON.stringify({ scripts: Object.fromEntries(names.map((name) => [name, "x"])) });

/** Kind of repository → names at its root, contents, and the image and commands that must come out. */
const KINDS: Record<
  string,
  { files: string[]; contents?: Record<string, string>; image: string; runs: string[] }
> = {
  "npm with a lock file": {
    files: ["package.json", "package-lock.json"],
    contents: { "package.json": scripts("build", "test", "lint") },
    image: "node:22",
    runs: ["npm ci", "npm run build", "npm run lint", "npm run test"],
  },
  "npm without a lock file": {
    files: ["package.json"],
    contents: { "package.json": scripts("test") },
    image: "node:22",
    runs: ["npm install", "npm run test"],
  },
  pnpm: {
    files: ["package.json", "pnpm-lock.yaml"],
    contents: { "package.json": scripts("test") },
    image: "node:22",
    runs: ["pnpm run test"],
  },
  Yarn: {
    files: ["package.json", "yarn.lock"],
    contents: { "package.json": scripts("typecheck") },
    image: "node:22",
    runs: ["yarn run typecheck"],
  },
  Bun: {
    files: ["package.json", "bun.lock"],
    contents: { "package.json": scripts("types") },
    image: "oven/bun:1",
    runs: ["bun install --frozen-lockfile", "bun run types"],
  },
  "a package.json without scripts": {
    files: ["package.json"],
    contents: { "package.json": "{}" },
    image: "node:22",
    runs: ["npm install"],
  },
  "a broken package.json": {
    files: ["package.json"],
    contents: { "package.json": "{" },
    image: "node:22",
    runs: ["npm install"],
  },
  Go: { files: ["go.mod", "main.go"], image: "golang:1", runs: ["go build ./...", "go test ./..."] },
  Rust: { files: ["Cargo.toml"], image: "rust:1", runs: ["cargo build", "cargo test"] },
  Python: { files: ["pyproject.toml"], image: "python:3", runs: ["pip install .", "pytest"] },
  "Python with requirements": {
    files: ["requirements.txt"],
    image: "python:3",
    runs: ["pip install -r requirements.txt"],
  },
  Maven: { files: ["pom.xml"], image: "maven:3-eclipse-temurin-21", runs: ["mvn --batch-mode test"] },
  Gradle: { files: ["build.gradle", "gradlew"], image: "eclipse-temurin:21", runs: ["./gradlew check"] },
  make: {
    files: ["Makefile"],
    contents: { Makefile: "CC := gcc\nall: x.o\n\tcc x.o\ncheck lint: all\n\t./run\n" },
    image: "gcc:14",
    runs: ["make", "make lint", "make check"],
  },
  "make without tests": { files: ["Makefile"], image: "gcc:14", runs: ["make"] },
  nothing: { files: [], image: "alpine:3", runs: ["echo build", "echo test"] },
};

describe("the starter pipeline", () => {
  for (const [kind, { files, contents = {}, image, runs }] of Object.entries(KINDS)) {
    test(`for ${kind} parses without a complaint and runs what the repository has`, () => {
      const { name, text } = starterPipeline(files, contents);
      const { pipeline, diagnostics } = parsePipeline(text, { file: `${name}.yml` });
      expect(diagnostics).toEqual([]);
      expect(pipeline?.jobs[0]?.image?.name).toBe(image);
      expect(pipeline?.jobs.flatMap((job) => job.script)).toEqual(expect.arrayContaining(runs));
    });
  }

  test("reads the same as it is written here", () => {
    expect(starterPipeline(["go.mod"], {}).text).toBe(`# A Go module.
# Check it with "cicd check", run it with "cicd run".
name: ci

stages:
  - build
  - test

default:
  image: golang:1
  timeout: 30m

jobs:
  build:
    stage: build
    script:
      - go build ./...

  vet:
    stage: test
    script:
      - go vet ./...

  test:
    stage: test
    script:
      - go test ./...
`);
  });
});
