import { type Command } from './command.js';
import { featuresImport } from './features-import.js';

/** In the order in which they are shown. */
export const COMMANDS: readonly Command[] = [featuresImport];
