import './signals.js';
import 'reflect-metadata'; // before any decorator, which the order of a bundle's parts would not see to
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { PACKAGE_ROOT } from './common/package-root.js';
import { keepTickShape } from './common/tick-shape.js';

// What Node compiles it keeps here for the next start, which is then 50 ms shorter. Where the
// folder cannot be written, as in a container, nothing is kept and nothing is said. Not below /tmp, as Node has it by
// default: on a shared machine others could put their code there.
enableCompileCache(join(PACKAGE_ROOT, 'node_modules/.cache/nestor'));

keepTickShape();
await import('./start.js');
