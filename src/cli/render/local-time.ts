/** `2026-11-23 14:05:09` in the time zone of the user. `iso` is ISO 8601 UTC. */
export function localTime(iso: string): string {
  const at = new Date(iso);
  const two = (count: number) => String(count).padStart(2, "0");
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/**
 * `localTime` for many in order of time: asks the time zone once about times of one hour. Hours that do not begin and end
 * with one of the time zone's, because it is a fraction of an hour off or its clocks change then, are left to `localTime`.
 */
export function createLocalTime(): typeof localTime {
  let hour = "?";
  let local: string | null = null;
  return (iso) => {
    if (!iso.startsWith(hour)) {
      hour = iso.slice(0, 13);
      local = localHour(hour);
    }
    // Minute and second, which follow the hour.
    return local === null ? localTime(iso) : local + iso.slice(13, 19);
  };
}

/** `2026-11-23 14` for `2026-11-23T13`; null where its minutes are not those of one hour there. */
function localHour(hour: string): string | null {
  const first = new Date(`${hour}:00:00.000Z`);
  const minutes = first.getTimezoneOffset();
  if (minutes % 60 !== 0 || new Date(`${hour}:59:59.999Z`).getTimezoneOffset() !== minutes) return null;
  return new Date(first.getTime() - minutes * 60_000).toISOString().slice(0, 13).replace("T", " ");
}
