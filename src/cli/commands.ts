import { type Command } from './command.js';
import { featuresImport } from './features-import.js';
import { KEY_COMMANDS } from './keys.js';

/** In the order in which they are shown. */
export const COMMANDS: readonly Command[] = [...KEY_COMMANDS, featuresImport];
