import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type OpenAPIObject } from '@nestjs/swagger';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { Service } from './support/service.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['post']>;
interface Body {
  content: Record<string, { schema: { $ref?: string }; example?: unknown }>;
}

describe('documentation', () => {
  let service: Service;
  let document: OpenAPIObject;
  beforeAll(async () => {
    service = await Service.start();
    document = (await service.get('/openapi.json')).json as OpenAPIObject;
  });
  afterAll(() => service.stop());

  const predictions = () =>
    Object.entries(document.paths).flatMap(([path, { post }]): [string, Operation][] => (post ? [[path, post]] : []));

  it('is OpenAPI 3.1, as JSON and as YAML', async () => {
    expect(document.openapi).toBe('3.1.0');
    expect(parse((await service.get('/openapi.yaml')).text)).toEqual(document);
  });

  it('has an operation for each served model and version, and no template in their place', () => {
    const paths = predictions().map(([path]) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        '/predict',
        '/predict/batch',
        '/v1/models/credit-risk/predict',
        '/v1/models/credit-risk/versions/2.0.0/predict/batch',
        '/v1/models/iris/predict',
        '/v1/models/digits/versions/1.0.0/predict',
      ]),
    );
    expect(paths.filter((path) => path.includes('{'))).toEqual([]);
  });

  it('every example works when it is tried out', async () => {
    for (const [path, operation] of predictions()) {
      const { example } = (operation.requestBody as unknown as Body).content['application/json'] ?? {};
      expect(example).toBeDefined();
      expect({ path, status: (await service.post(path, example)).status }).toEqual({ path, status: 200 });
    }
  });

  it('shows the very schema that validates', async () => {
    const { $ref = '' } =
      (document.paths['/predict']?.post?.requestBody as unknown as Body).content['application/json']?.schema ?? {};
    const schema = document.components?.schemas?.[$ref.split('/').at(-1) ?? ''];
    const { json } = await service.get('/v1/models/credit-risk/versions/1.0.0');
    expect(schema).toEqual(json.signature.features);
    expect(schema).toMatchObject({
      additionalProperties: false,
      properties: { age: { type: 'integer', minimum: 18, maximum: 100 } },
    });
  });

  it('every schema is valid JSON Schema 2020-12, and every reference leads somewhere', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const schema of Object.values(document.components?.schemas ?? {}))
      expect(ajv.validateSchema(schema)).toBe(true);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name ?? '',
    );
    expect(references.length).toBeGreaterThan(0);
    for (const name of references) expect(Object.keys(document.components?.schemas ?? {})).toContain(name);
  });

  it('documents what can go wrong', () => {
    const { responses } = document.paths['/v1/models/iris/predict']?.post ?? {};
    expect(Object.keys(responses ?? {}).sort()).toEqual(['200', '400', '404', '413', '415', '500', '503']);
  });

  it('is not served with DOCS=false', async () => {
    const quiet = await Service.start({ DOCS: 'false' });
    try {
      for (const path of ['/docs', '/redoc', '/openapi.json', '/openapi.yaml'])
        expect((await quiet.get(path)).status).toBe(404);
    } finally {
      await quiet.stop();
    }
  });
});
