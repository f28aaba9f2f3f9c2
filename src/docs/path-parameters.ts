import { type OpenAPIObject } from '@nestjs/swagger';
import { METHODS } from './methods.js';

/** Names the parameters in each path: of a route with several paths @nestjs/swagger names those of one for all. */
export function namePathParameters({ paths }: OpenAPIObject): void {
  for (const [path, item] of Object.entries(paths)) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const known = (operation.parameters ?? []).flatMap((one) => ('in' in one ? [one] : []));
      const inPath = names.map(
        (name) =>
          known.find((one) => one.in === 'path' && one.name === name) ??
          ({ name, in: 'path', required: true, schema: { type: 'string' } } as const),
      );
      operation.parameters = [...inPath, ...known.filter((one) => one.in !== 'path')];
    }
  }
}
