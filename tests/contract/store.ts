import { afterEach, beforeEach, describe } from "bun:test";
import type { Store } from "../../src/run/store.ts";
import { logContract } from "./store/logs.ts";
import { phaseContract } from "./store/phases.ts";
import { queueContract } from "./store/queue.ts";
import { resultContract } from "./store/results.ts";
import { runContract } from "./store/runs.ts";
import { transitionContract } from "./store/transitions.ts";
import { waitingContract } from "./store/waiting.ts";
import { watchContract } from "./store/watch.ts";

/** An empty store; `another` is the same data as a second process would open it. */
export interface StoreFixture {
  store: Store;
  another: Store;
  close(): Promise<void>;
}

/** What the parts of the contract test: the stores of the current test. */
export interface StoreUnderTest {
  readonly store: Store;
  readonly another: Store;
}

/** The store contract (`src/run/store.ts`), which every adapter passes. */
export function storeContract(name: string, open: () => Promise<StoreFixture>): void {
  describe(`store contract: ${name}`, () => {
    let fixture: StoreFixture;
    beforeEach(async () => {
      fixture = await open();
    }, 60_000);
    afterEach(() => fixture.close());
    const under: StoreUnderTest = {
      get store() {
        return fixture.store;
      },
      get another() {
        return fixture.another;
      },
    };
    runContract(under);
    transitionContract(under);
    queueContract(under);
    waitingContract(under);
    logContract(under);
    watchContract(under);
    phaseContract(under);
    resultContract(under);
  });
}
