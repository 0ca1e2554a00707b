/** The kernel takes at most 128 KiB per argument (MAX_ARG_STRLEN); a UTF-16 unit is at most three bytes of UTF-8. */
const CHUNK_UNITS = 32_000;

/** All arguments and the environment share 2 MiB on Linux; above this size a program goes through a file. */
export const MAX_INLINE_BYTES = 1_200_000;

/**
 * Starts the loader in bash where there is one, else in sh. Runs as `sh -c CHOOSE_SHELL <loader> <arguments of the
 * loader>`, so `$0` is the loader.
 */
export const CHOOSE_SHELL =
  'command -v bash >/dev/null 2>&1 && exec bash -c "$0" bash "$@"; exec sh -c "$0" sh "$@"';

/**
 * The loader's text. Its arguments: the number of chunks of the main program, these chunks, then the chunks of the
 * after program. It evaluates the main program, or, once `markerPath` is there, the after program with CI_JOB_STATUS as
 * the marker's first line says. stderr joins stdout, so that both keep their order.
 */
export function loaderText(markerPath: string): string {
  return [
    "exec 2>&1",
    "unset TINI_KILL_PROCESS_GROUP",
    "cicd_left=$1; shift",
    `if [ -r ${markerPath} ]; then shift "$cicd_left"; cicd_left=$#; read -r CI_JOB_STATUS <${markerPath}; export CI_JOB_STATUS; fi`,
    "cicd_text=",
    'while [ "$cicd_left" -gt 0 ]; do cicd_text=$cicd_text$1; shift; cicd_left=$((cicd_left - 1)); done',
    "set --",
    'eval "unset cicd_text cicd_left',
    '$cicd_text"',
  ].join("\n");
}

/** The arguments for `loaderText`. */
export function loaderArguments(mainProgram: string, afterProgram: string): string[] {
  const main = splitText(mainProgram);
  return [String(main.length), ...main, ...splitText(afterProgram)];
}

/** Pieces that fit one argument each; no surrogate pair is torn. */
function splitText(text: string): string[] {
  const chunks: string[] = [];
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + CHUNK_UNITS, text.length);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    chunks.push(text.slice(start, end));
    start = end;
  }
  return chunks;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
