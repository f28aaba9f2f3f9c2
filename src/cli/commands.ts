import { type Command } from './command.js';

/** In the order in which they are shown. */
export const COMMANDS: readonly Command[] = [];
