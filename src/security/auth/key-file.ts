import { SCOPES } from '../../common/principal.js';
import { SourceFile } from '../../common/source-file.js';
import { validateSource } from '../../common/validate-source.js';
import { type ApiKey } from './api-key.js';

const TIME = { type: 'string', format: 'date-time' };
const NAME = { type: 'string', pattern: '^(?!\\.)[A-Za-z0-9._-]{1,64}$' };
/** Strict: what is misspelt (`revokd`) must not be left out in silence. */
const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['keys'],
  properties: {
    keys: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'name', 'hash', 'scopes', 'created'],
        properties: {
          id: { type: 'string', pattern: '^[0-9a-f]{12}$' },
          name: NAME,
          hash: { type: 'string', pattern: '^[0-9a-f]{64}$' },
          scopes: { type: 'array', minItems: 1, items: { enum: SCOPES } },
          models: { type: 'array', minItems: 1, items: NAME },
          created: TIME,
          expires: TIME,
          revoked: TIME,
        },
      },
    },
  },
};

/**
 * The keys in a file.
 *
 * @throws SourceProblem with the line of the first mistake
 */
export function keysIn(file: SourceFile): ApiKey[] {
  const { keys } = validateSource(file, SCHEMA) as { keys: ApiKey[] };
  const ids = new Set<string>();
  for (const [index, { id }] of keys.entries()) {
    if (ids.has(id)) throw file.problem(['keys', index, 'id'], 'is that of another key, too');
    ids.add(id);
  }
  return keys;
}

/** The keys in the file at `path`; none where there is no file. @throws SourceProblem */
export async function readKeyFile(path: string): Promise<ApiKey[]> {
  const file = await SourceFile.readIfThere(path, path);
  return file ? keysIn(file) : [];
}
