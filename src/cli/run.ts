import { didYouMean } from '../common/did-you-mean.js';
import { listed } from '../common/listed.js';
import { loadSettings } from '../config/config.module.js';
import { SettingsProblem } from '../config/read-settings.js';
import { type Command, CommandProblem, UsageError } from './command.js';
import { COMMANDS } from './commands.js';

/**
 * Does what was typed.
 *
 * @returns the exit code: 0 done, 1 not done, 2 not understood
 */
export async function run(words: readonly string[]): Promise<number> {
  if (words.length === 0 || words.includes('--help') || words.includes('-h')) {
    process.stdout.write(`${overview()}\n`);
    return words.length === 0 ? 2 : 0;
  }
  const command = COMMANDS.find(({ name }) => name.split(' ').every((word, index) => words[index] === word));
  if (!command) {
    process.stderr.write(`nestor: ${unknown(words)}\n\n${overview()}\n`);
    return 2;
  }
  try {
    await command.run(words.slice(command.name.split(' ').length), await loadSettings());
    return 0;
  } catch (error) {
    const lines = explain(error, command);
    process.stderr.write(lines.map((line) => `nestor: ${line}\n`).join(''));
    return isMisuse(error) ? 2 : 1;
  }
}

function unknown([first = '', second]: readonly string[]): string {
  const names = COMMANDS.map(({ name }) => name);
  const family = names.filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1));
  if (second === undefined && family.length > 0) return `${first} what? ${listed(family)}`;
  const typed = second === undefined ? first : `${first} ${second}`;
  return `there is no command "${typed}"${didYouMean(typed, names)}`;
}

function overview(): string {
  const lines = COMMANDS.map(({ name, usage, about }) => `  ${`nestor ${name} ${usage}`.trimEnd()}\n      ${about}`);
  return ['Usage:', ...lines].join('\n');
}

/** Plain lines. Only what nobody foresaw gets a stack trace. */
function explain(error: unknown, { name, usage }: Command): readonly string[] {
  if (error instanceof SettingsProblem) return error.problems;
  if (error instanceof CommandProblem) return [error.message];
  const { message, stack } = error as Error;
  if (isMisuse(error)) return [message, `usage: nestor ${name} ${usage}`.trimEnd()];
  return [stack ?? message];
}

/** Ours, or that of node:util's parseArgs. */
function isMisuse(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return error instanceof UsageError || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS'));
}
