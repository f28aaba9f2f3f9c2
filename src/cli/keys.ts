import { parseArgs } from 'node:util';
import { type Scope, SCOPES } from '../common/principal.js';
import { SourceProblem } from '../common/source-file.js';
import { type Settings } from '../config/settings.js';
import { isValidName } from '../registry/version-name.js';
import { type ApiKey, newKey } from '../security/auth/api-key.js';
import { changeKeyFile } from '../security/auth/change-key-file.js';
import { readKeyFile } from '../security/auth/key-file.js';
import { type Command, CommandProblem, UsageError } from './command.js';
import { table } from './table.js';

/** Who calls where AUTH is off: records must not take a key for it. */
const TAKEN = 'local';
const DAY_MS = 86_400_000;
const UNITS_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: DAY_MS, w: 7 * DAY_MS };
const LONGEST_MS = 36_500 * DAY_MS;

const CREATE: Command = {
  name: 'keys create',
  usage: 'NAME [--scope SCOPE]… [--model MODEL]… [--expires 90d]',
  about: `Makes an API key, and shows it once. Scopes are ${SCOPES.join(', ')}; predict without any.`,
  async run(words, { API_KEYS_FILE, AUTH }) {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        scope: { type: 'string', multiple: true, default: ['predict'] },
        model: { type: 'string', multiple: true },
        expires: { type: 'string' },
      },
    });
    const { key, id, hash } = newKey();
    const made: ApiKey = {
      id,
      name: nameIn(positionals),
      hash,
      scopes: unique(values.scope.map(toScope)),
      ...(values.model && { models: unique(values.model.map(toModel)) }),
      created: new Date().toISOString(),
      ...(values.expires !== undefined && { expires: timeAfter(values.expires) }),
    };
    await change(API_KEYS_FILE, (keys) => [...keys, made]);
    tell(
      `API key ${made.name} (${id}) with ${made.scopes.join(', ')}: it is shown this once, and kept as a hash only.`,
    );
    process.stdout.write(`${key}\n`);
    if (AUTH === 'off') tell('AUTH is off: no key is asked for until it is on.');
  },
};

const LIST: Command = {
  name: 'keys list',
  usage: '',
  about: 'Lists the API keys, without what only their holders know.',
  async run(words, { API_KEYS_FILE }) {
    parseArgs({ args: [...words], options: {} });
    const keys = await doing(readKeyFile(API_KEYS_FILE));
    if (keys.length === 0) {
      tell(`There are no API keys in ${API_KEYS_FILE}.`);
      return;
    }
    const rows = keys.map(({ id, name, scopes, models, created, expires = '', revoked = '' }) => {
      return [id, name, scopes.join(','), models?.join(',') ?? 'all', created, expires, revoked];
    });
    process.stdout.write(table([['ID', 'NAME', 'SCOPES', 'MODELS', 'CREATED', 'EXPIRES', 'REVOKED'], ...rows]));
  },
};

const REVOKE: Command = {
  name: 'keys revoke',
  usage: 'ID|NAME',
  about: 'Has an API key refused from now on; services that run follow within seconds.',
  async run(words, { API_KEYS_FILE }) {
    const { positionals } = parseArgs({ args: [...words], allowPositionals: true, options: {} });
    const wanted = nameIn(positionals);
    let done = '';
    await change(API_KEYS_FILE, (keys) => {
      const meant = toRevoke(keys, wanted);
      const { id, name, revoked = new Date().toISOString() } = meant;
      done = `API key ${name} (${id}) is revoked since ${revoked}.`;
      return keys.map((key) => (key === meant ? { ...key, revoked } : key));
    });
    tell(done);
  },
};

export const KEY_COMMANDS = [CREATE, LIST, REVOKE];

/** @throws CommandProblem where no key is meant, or several are */
function toRevoke(keys: readonly ApiKey[], wanted: string): ApiKey {
  const byId = keys.find(({ id }) => id === wanted);
  if (byId) return byId;
  const named = keys.filter(({ name }) => name === wanted);
  const valid = named.filter(({ revoked }) => revoked === undefined);
  if (valid.length > 1)
    throw new CommandProblem(
      `${valid.length} keys have the name ${wanted}: say which by its id, ${valid.map(({ id }) => id).join(' or ')}`,
    );
  const found = valid[0] ?? named.at(-1);
  if (!found) throw new CommandProblem('there is no API key of this name or id: see `nestor keys list`');
  return found;
}

async function change(path: Settings['API_KEYS_FILE'], to: (keys: ApiKey[]) => ApiKey[]): Promise<void> {
  await doing(changeKeyFile(path, to));
}

/** What is wrong with the file is told in a line. */
async function doing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof SourceProblem) throw new CommandProblem(error.message);
    throw error;
  }
}

/** Beside the key, so that a script can take standard output as it is. */
function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

function nameIn(positionals: readonly string[]): string {
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw new UsageError('one name is needed');
  if (!isValidName(name)) throw new UsageError('a name is 1 to 64 of A-Z a-z 0-9 . _ -, not starting with a dot');
  if (name === TAKEN) throw new UsageError(`the name ${TAKEN} is taken: it means callers while AUTH is off`);
  return name;
}

function toScope(text: string): Scope {
  const scope = SCOPES.find((one) => one === text);
  if (!scope) throw new UsageError(`--scope is one of ${SCOPES.join(', ')}, and may be given several times`);
  return scope;
}

function toModel(text: string): string {
  if (!isValidName(text)) throw new UsageError('--model is the name of one model, and may be given several times');
  return text;
}

/** @returns ISO 8601 */
function timeAfter(span: string): string {
  const [, amount, unit] = /^([1-9]\d{0,8})([mhdw])$/.exec(span) ?? [];
  const ms = Number(amount) * (UNITS_MS[unit ?? ''] ?? NaN);
  if (!(ms <= LONGEST_MS)) throw new UsageError('--expires is a time from now on, as in 90d, 12h, 30m or 8w');
  return new Date(Date.now() + ms).toISOString();
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
