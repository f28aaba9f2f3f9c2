/** Stands in place of a value that is not to be kept. */
const REDACTED = '[redacted]';

/**
 * JSON.stringify without the values of some names, wherever they stand in it.
 *
 * @param redact without it nothing is redacted
 */
export function redactedJson(value: unknown, redact: { has(name: string): boolean } | undefined): string {
  if (!redact) return JSON.stringify(value);
  return JSON.stringify(value, (name, inside: unknown) => (redact.has(name) ? REDACTED : inside));
}
