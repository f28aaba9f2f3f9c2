/** What TypeScript's library does not know yet. */
const { rawJSON: raw, parse } = JSON as unknown as {
  rawJSON: (text: string) => unknown;
  parse: (text: string, revive: (name: string, value: unknown, token: { source?: string }) => unknown) => unknown;
};

/** A number token (or a string's, true, false, null) that JSON.stringify writes as it stands. */
export const rawJSON = raw;

/** The value of a JSON text, with each number as it stands there: some hold integers that no double holds. */
export function parseKept(text: string): unknown {
  return parse(text, (_name, value, { source }) =>
    typeof value === 'number' && source !== undefined && source !== String(value) ? raw(source) : value,
  );
}
