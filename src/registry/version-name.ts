import semver from 'semver';

/** What the name of a model or version may be; it becomes a folder, a header and a metric label. */
export const NAME = /^(?!\.)[A-Za-z0-9._-]{1,64}$/;

export function isValidName(name: string): boolean {
  return NAME.test(name);
}

/** A version's name as semver, where it is one: `1`, `v2` and `1.2` count too. */
function toSemver(name: string): semver.SemVer | null {
  const short = /^v?(\d+)(?:\.(\d+))?$/.exec(name);
  return semver.parse(short ? `${short[1] as string}.${short[2] ?? '0'}.0` : name);
}

const natural = new Intl.Collator('en', { numeric: true });

/** Orders versions from old to new: those that are not semver first, in natural order, then semver by precedence. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [toSemver(a), toSemver(b)];
  if (left && right) return left.compare(right) || natural.compare(a, b);
  if (left || right) return left ? 1 : -1;
  return natural.compare(a, b);
}

/** Whether a name looks like a version rather than like a model. */
export function looksLikeVersion(name: string): boolean {
  return toSemver(name) !== null;
}

/** Whether a selector is a semver range. A plain version never is one: asking for 1 must not be answered by 1.2. */
export function isRange(selector: string): boolean {
  return /[\^~<>=*|\s]|(^|\.)[xX](\.|$)/.test(selector) && semver.validRange(selector) !== null;
}

export function satisfies(version: string, range: string): boolean {
  const parsed = toSemver(version);
  return parsed !== null && semver.satisfies(parsed, range);
}
