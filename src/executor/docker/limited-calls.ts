import type Dockerode from "dockerode";

/** How long the engine may take over one call; removing a large container takes it tens of seconds. */
const ANSWER_MS = 120_000;

type Modem = Dockerode["modem"];
type Call = Parameters<Modem["dial"]>[0] & { abortSignal?: AbortSignal; file?: unknown };

/**
 * Ends calls that get no answer, with ETIMEDOUT: a connection that is cut after the head of its answer settles nothing by
 * itself. For streams the answer is their beginning. Without a limit stay calls that take as long as they take: `wait`, pulls,
 * and what is uploaded; their callers bound them.
 */
export function limitCalls(modem: Modem, answerMs = ANSWER_MS): void {
  const dial = modem.dial.bind(modem);
  modem.dial = (call: Call, callback) => {
    if (isUnlimited(call)) return dial(call, callback);
    const late = new AbortController();
    const { abortSignal } = call;
    const signal = abortSignal === undefined ? late.signal : AbortSignal.any([abortSignal, late.signal]);
    let isSettled = false;
    const settle: typeof callback = (error, answer) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      callback?.(error, answer);
    };
    const timer = setTimeout(() => {
      settle(Object.assign(new Error(`no answer within ${answerMs / 1_000} s`), { code: "ETIMEDOUT" }), null);
      late.abort();
    }, answerMs);
    dial({ ...call, abortSignal: signal } as Call, settle);
  };
}

function isUnlimited({ path, method, isStream, file }: Call): boolean {
  return file !== undefined || /\/wait\b/.test(path) || (isStream === true && method !== "GET");
}
