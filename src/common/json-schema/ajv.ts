import { Ajv2020, type Options } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/**
 * An Ajv for JSON Schema 2020-12 that is safe against hostile names (`ownProperties`). `rectangular` is ours: each list inside must be as long as its neighbours.
 */
export function createAjv(options: Options = {}): Ajv2020 {
  const ajv = new Ajv2020({
    ownProperties: true,
    strictNumbers: true,
    // Unknown keywords and formats are annotations (JSON Schema 2020-12, section 4.3.1); misspelt ones are found where
    // the schema is read, with their line.
    strict: false,
    // Our own schemas are right, and those of models are checked where they are read. Compiling JSON Schema's own
    // schema for this took each start 60 ms.
    meta: false,
    validateSchema: false,
    logger: false,
    // 0.07 is a multiple of 0.01, whatever binary fractions say.
    multipleOfPrecision: 9,
    verbose: true,
    ...options,
  });
  addFormats.default(ajv);
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
