import { availableParallelism } from 'node:os';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { nearest } from '../common/did-you-mean.js';
import { Settings } from './settings.js';

/** Settings as text, by name: `process.env`, or what `.env` holds. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything that is wrong with the settings, a line each. */
export class SettingsProblem extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

const DEFAULTS = new Settings();
export const SETTING_NAMES = Object.keys(DEFAULTS);

/**
 * The settings that an environment gives, frozen. An empty value counts as not set.
 *
 * @throws SettingsProblem naming every setting that is wrong; never its value, which may be a secret
 */
export function readSettings(environment: Environment): Settings {
  const given = SETTING_NAMES.filter((name) => environment[name] !== undefined && environment[name].trim() !== '');
  const settings = plainToInstance(Settings, Object.fromEntries(given.map((name) => [name, environment[name]])));
  const wrong = validateSync(settings);
  const problems = wrong.map(
    ({ property, constraints }) => `${property} ${Object.values(constraints ?? {}).join(', and ')}`,
  );
  const hasWorkers = !wrong.some(({ property }) => property === 'WORKERS') && settings.WORKERS > 1;
  if (hasWorkers && settings.DATABASE_URL === 'sqlite::memory:')
    problems.push(
      'DATABASE_URL must be a file or a server where there are WORKERS: each would have a memory of its own',
    );
  for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE'].filter((one) => given.includes(one)))
    if (settings.JWT_JWKS === undefined)
      problems.push(`${name} is of use with JWT_JWKS only: without it no token is taken`);
  if (problems.length > 0) throw new SettingsProblem(problems);
  return Object.freeze(Object.assign(settings, shareOfWorker(settings, given)));
}

/** What each worker process gets of what the machine has once. */
function shareOfWorker({ WORKERS, BODIES_LIMIT }: Settings, given: readonly string[]): Partial<Settings> {
  const cores = Math.max(1, Math.floor(availableParallelism() / WORKERS));
  return {
    BODIES_LIMIT: Math.ceil(BODIES_LIMIT / WORKERS),
    ...(!given.includes('INFERENCE_THREADS') && { INFERENCE_THREADS: Math.min(DEFAULTS.INFERENCE_THREADS, cores) }),
  };
}

/**
 * Names that look like a setting misspelt, as hints. Names from a `.env` file are ours alone, so each unknown one
 * counts; the process environment is full of others' names, so only near misses count, and never common ones.
 */
export function misspeltSettings(environment: Environment, fromFile: readonly string[]): string[] {
  const known = new Set(SETTING_NAMES);
  return Object.keys(environment).flatMap((name) => {
    if (known.has(name) || FOREIGN.has(name)) return [];
    const meant = nearest(name, SETTING_NAMES);
    const close = meant !== undefined && (name.length > 5 || Math.abs(name.length - meant.length) === 1);
    if (close) return [`${name} is not a setting; did you mean ${meant}?`];
    return fromFile.includes(name) ? [`${name} in .env is not a setting`] : [];
  });
}

/** Common variables that are a few letters away from one of our settings. */
const FOREIGN = new Set(['PATH', 'HOME', 'HOSTNAME', 'HOSTTYPE', 'NODE_ENV', 'PORTS']);
