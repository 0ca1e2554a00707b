import { killsSuite } from "./kills.ts";

killsSuite(100);
