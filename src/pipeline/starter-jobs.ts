/** A job as it is written into the file. */
export interface StarterJob {
  name: string;
  stage: string;
  image?: string;
  needs?: string[];
  script: string[];
  artifacts?: { paths: string[]; expire_in?: string };
}

export interface StarterKind {
  /** One sentence for the head of the file. */
  about: string;
  image: string;
  variables?: Record<string, string>;
  jobs: StarterJob[];
}

/** What the repository is built with; the first that fits, and a generic one where none does. */
export function starterJobs(files: string[], contents: Record<string, string>): StarterKind {
  const has = (name: string) => files.includes(name);
  if (has("package.json")) return nodeJobs(files, contents["package.json"] ?? "");
  if (has("go.mod")) return GO;
  if (has("Cargo.toml")) return RUST;
  if (has("pyproject.toml") || has("requirements.txt") || has("setup.py")) return pythonJobs(files);
  if (has("pom.xml")) return MAVEN;
  if (has("build.gradle") || has("build.gradle.kts")) return gradleJobs(has("gradlew"));
  const makefile = ["GNUmakefile", "makefile", "Makefile"].find(has);
  if (makefile !== undefined) return makeJobs(contents[makefile] ?? "");
  return GENERIC;
}

const INSTALLERS: { lock: string; name: string; image: string; install: string; run: string }[] = [
  {
    lock: "bun.lock",
    name: "Bun",
    image: "oven/bun:1",
    install: "bun install --frozen-lockfile",
    run: "bun run",
  },
  {
    lock: "bun.lockb",
    name: "Bun",
    image: "oven/bun:1",
    install: "bun install --frozen-lockfile",
    run: "bun run",
  },
  {
    lock: "pnpm-lock.yaml",
    name: "pnpm",
    image: "node:22",
    install: "corepack enable && pnpm install --frozen-lockfile",
    run: "pnpm run",
  },
  {
    lock: "yarn.lock",
    name: "Yarn",
    image: "node:22",
    install: "corepack enable && yarn install --immutable",
    run: "yarn run",
  },
  { lock: "package-lock.json", name: "npm", image: "node:22", install: "npm ci", run: "npm run" },
  { lock: "npm-shrinkwrap.json", name: "npm", image: "node:22", install: "npm ci", run: "npm run" },
];

const NPM_WITHOUT_LOCK = { name: "npm", image: "node:22", install: "npm install", run: "npm run" };

/** Scripts of a package.json that say whether the tree is good, in the order of the pipeline. */
const NODE_SCRIPTS: { script: string; stage: string; artifacts?: { paths: string[]; expire_in: string } }[] =
  [
    { script: "build", stage: "build", artifacts: { paths: ["dist/"], expire_in: "1 week" } },
    { script: "lint", stage: "test" },
    { script: "typecheck", stage: "test" },
    { script: "types", stage: "test" },
    { script: "test", stage: "test" },
  ];

function nodeJobs(files: string[], packageJson: string): StarterKind {
  const installer = INSTALLERS.find(({ lock }) => files.includes(lock)) ?? NPM_WITHOUT_LOCK;
  const scripts = scriptNames(packageJson);
  const jobs = NODE_SCRIPTS.filter(({ script }) => scripts.has(script)).map(
    ({ script, stage, artifacts }): StarterJob => ({
      name: script,
      stage,
      script: [installer.install, `${installer.run} ${script}`],
      ...(artifacts === undefined ? {} : { artifacts }),
    }),
  );
  const fallback: StarterJob = { name: "install", stage: "build", script: [installer.install] };
  return {
    about: `A JavaScript project that uses ${installer.name}.`,
    image: installer.image,
    jobs: jobs.length > 0 ? jobs : [fallback],
  };
}

function scriptNames(packageJson: string): Set<string> {
  try {
    const parsed: unknown = JSON.parse(packageJson);
    const scripts =
      typeof parsed === "object" && parsed !== null && "scripts" in parsed ? parsed.scripts : undefined;
    return new Set(typeof scripts === "object" && scripts !== null ? Object.keys(scripts) : []);
  } catch {
    return new Set();
  }
}

const GO: StarterKind = {
  about: "A Go module.",
  image: "golang:1",
  jobs: [
    { name: "build", stage: "build", script: ["go build ./..."] },
    { name: "vet", stage: "test", script: ["go vet ./..."] },
    { name: "test", stage: "test", script: ["go test ./..."] },
  ],
};

const RUST: StarterKind = {
  about: "A Rust crate.",
  image: "rust:1",
  jobs: [
    { name: "build", stage: "build", script: ["cargo build"] },
    { name: "format", stage: "test", script: ["rustup component add rustfmt", "cargo fmt --check"] },
    { name: "test", stage: "test", script: ["cargo test"] },
  ],
};

const MAVEN: StarterKind = {
  about: "A Maven project.",
  image: "maven:3-eclipse-temurin-21",
  jobs: [
    {
      name: "package",
      stage: "build",
      script: ["mvn --batch-mode -DskipTests package"],
      artifacts: { paths: ["target/*.jar"], expire_in: "1 week" },
    },
    { name: "test", stage: "test", script: ["mvn --batch-mode test"] },
  ],
};

function gradleJobs(wrapper: boolean): StarterKind {
  const gradle = wrapper ? "./gradlew" : "gradle";
  return {
    about: "A Gradle project.",
    image: wrapper ? "eclipse-temurin:21" : "gradle:8-jdk21",
    jobs: [
      { name: "assemble", stage: "build", script: [`${gradle} assemble`] },
      { name: "check", stage: "test", script: [`${gradle} check`] },
    ],
  };
}

function pythonJobs(files: string[]): StarterKind {
  const install = files.includes("requirements.txt")
    ? ["pip install -r requirements.txt"]
    : ["pip install ."];
  return {
    about: "A Python project.",
    image: "python:3",
    variables: { PIP_DISABLE_PIP_VERSION_CHECK: "1" },
    jobs: [
      { name: "install", stage: "build", script: install },
      { name: "test", stage: "test", script: [...install, "pip install pytest", "pytest"] },
    ],
  };
}

function makeJobs(makefile: string): StarterKind {
  const targets = new Set(
    [...makefile.matchAll(/^([A-Za-z0-9][A-Za-z0-9_ -]*):(?!=)/gm)].flatMap((match) =>
      match[1]!.trim().split(/ +/),
    ),
  );
  const test = ["test", "check"].find((target) => targets.has(target));
  const jobs: StarterJob[] = [{ name: "build", stage: "build", script: ["make"] }];
  if (targets.has("lint")) jobs.push({ name: "lint", stage: "test", script: ["make lint"] });
  if (test !== undefined) jobs.push({ name: "test", stage: "test", script: ["make", `make ${test}`] });
  return { about: "A project that is built with make.", image: "gcc:14", jobs };
}

const GENERIC: StarterKind = {
  about: "A pipeline to start from: put your own commands in.",
  image: "alpine:3",
  jobs: [
    { name: "build", stage: "build", script: ["echo build"] },
    { name: "test", stage: "test", needs: ["build"], script: ["echo test"] },
  ],
};
