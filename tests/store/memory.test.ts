import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { storeContract } from "../contract/store.ts";

storeContract("memory", async () => {
  const store = new MemoryStore();
  return { store, another: store, close: () => store[Symbol.asyncDispose]() };
});
