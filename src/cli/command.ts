import { type Settings } from '../config/settings.js';

/** Something that is done beside the running service. */
export interface Command {
  /** What is typed: `keys create`. */
  name: string;
  /** What comes after it: `NAME [--scope SCOPE]…`. */
  usage: string;
  /** What it does, in a line. */
  about: string;
  /**
   * @param words what was typed after its name
   * @throws UsageError, CommandProblem
   */
  run(words: readonly string[], settings: Settings): Promise<void>;
}

/** What was typed is not how the command is used: its usage is shown, and the exit code is 2. */
export class UsageError extends Error {}

/** What keeps a command from being done, in a line; the exit code is 1. */
export class CommandProblem extends Error {}
