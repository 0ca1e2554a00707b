import { setDefaultTimeout } from "bun:test";
import { createShellExecutor } from "../../src/executor/shell/shell-executor.ts";
import { executorContract, type MakeExecutor } from "../contract/executor.ts";
import { scriptingContract } from "../contract/scripting.ts";

setDefaultTimeout(120_000);

const make: MakeExecutor = (place) => createShellExecutor({ ...place, environment: process.env });
const options = { image: () => null, ignoreTerm: "trap '' TERM" };

executorContract("shell", make, options);
scriptingContract("shell", make, options);
