import { FakeEngine } from "../../src/executor/fake/fake-engine.ts";
import { FakeExecutor } from "../../src/executor/fake/fake-executor.ts";
import { executorContract } from "../contract/executor.ts";

/** One world: an executor that is opened again finds what the former one has left. */
const engine = new FakeEngine();

executorContract("fake", ({ instance }) => new FakeExecutor(engine, instance), {
  image: () => null,
  ignoreTerm: "ignore TERM",
});
