import { findPackageJSON } from 'node:module';
import { dirname } from 'node:path';

/** The folder of package.json. A file and the bundle that it goes into stand at different depths. */
export const PACKAGE_ROOT = dirname(findPackageJSON(import.meta.url) as string);
