import { Ajv2020, type Options } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** Keywords that schema generators write and that say nothing about validity. */
const ANNOTATIONS = ['discriminator', 'example', 'externalDocs', 'xml'];

/**
 * An Ajv for JSON Schema 2020-12 that is safe against hostile names (`ownProperties`) and strict about
 * misspelt keywords. `rectangular` is ours: each list inside must be as long as its neighbours.
 */
export function createAjv(options: Options = {}): Ajv2020 {
  const ajv = new Ajv2020({
    ownProperties: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    verbose: true,
    ...options,
  });
  addFormats.default(ajv);
  for (const keyword of ANNOTATIONS) ajv.addKeyword(keyword);
  ajv.addKeyword({
    keyword: 'rectangular',
    type: 'array',
    schemaType: 'boolean',
    validate: (wanted: boolean, data: unknown[]) => !wanted || isRectangular(data),
    errors: false,
  });
  return ajv;
}

function isRectangular(list: unknown[]): boolean {
  return shapeOf(list) !== undefined;
}

/** The lengths of a nested list from the outside in, or undefined where neighbours differ in shape. */
function shapeOf(list: unknown[]): string | undefined {
  if (!list.some(Array.isArray)) return String(list.length);
  const shapes = new Set(list.map((item) => (Array.isArray(item) ? shapeOf(item) : undefined)));
  const [inner] = shapes;
  return shapes.size === 1 && inner !== undefined ? `${String(list.length)},${inner}` : undefined;
}
