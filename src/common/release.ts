import { readFileSync } from 'node:fs';

/** The version of this program, as in package.json. */
export const RELEASE = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
