// A small unified diff of two texts: enough to show what somebody else changed; the server makes those of versions.
const AROUND = 3;

/** The lines of a diff, after two lines of a head. */
export function lines(before: string, after: string): string {
  const old = before.split('\n');
  const fresh = after.split('\n');
  let first = 0;
  while (first < old.length && first < fresh.length && old[first] === fresh[first]) first += 1;
  let last = 0;
  while (
    last < old.length - first &&
    last < fresh.length - first &&
    old.at(-1 - last) === fresh.at(-1 - last)
  )
    last += 1;
  const from = Math.max(0, first - AROUND);
  const rest = Math.max(0, last - AROUND);
  return [
    '---',
    '+++',
    `@@ -${from + 1},${old.length - from - rest} +${from + 1},${fresh.length - from - rest} @@`,
    ...old.slice(from, first).map((line) => ` ${line}`),
    ...old.slice(first, old.length - last).map((line) => `-${line}`),
    ...fresh.slice(first, fresh.length - last).map((line) => `+${line}`),
    ...old.slice(old.length - last, old.length - rest).map((line) => ` ${line}`),
  ].join('\n');
}
