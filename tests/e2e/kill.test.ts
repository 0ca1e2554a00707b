import { killsSuite } from "../faults/kills.ts";

// A hundred are in tests/faults.
killsSuite(20);
