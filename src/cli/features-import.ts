import { parseArgs } from 'node:util';
import { type Settings } from '../config/settings.js';
import { type ImportOptions, importFeatures } from '../features/import/feature-import.js';
import { ImportProblem } from '../features/import/import-problem.js';
import { type Command, CommandProblem, UsageError } from './command.js';

export const featuresImport: Command = {
  name: 'features import',
  usage: 'FILE.csv [--table TABLE] [--key COLUMN]',
  about: 'Writes features into a table of the database, which predictions look up by key.',
  run,
};

async function run(words: readonly string[], settings: Settings): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...words],
    options: { table: { type: 'string' }, key: { type: 'string' } },
    allowPositionals: true,
  });
  const [path, ...others] = positionals;
  if (path === undefined || others.length > 0) throw new UsageError('name one file');
  try {
    const { table, rows, columns, isNew } = await importFeatures(path, { ...values, onProgress }, settings);
    clearProgress();
    const names = columns.map(({ name, type }) => (isNew ? `${name} ${type}` : name)).join(', ');
    const place = isNew ? `${table}, a new table` : table;
    process.stdout.write(`${shown(rows)} rows are in ${place}: ${names}\n`);
  } catch (error) {
    clearProgress();
    throw error instanceof ImportProblem ? new CommandProblem(error.message) : error;
  }
}

/** On a terminal alone: elsewhere lines that overwrite each other would be noise. */
const onProgress: ImportOptions['onProgress'] = (step, rows) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${shown(rows)} rows ${step} `);
};

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

function shown(rows: number): string {
  return rows.toLocaleString('en');
}
