import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type OpenAPIObject } from '@nestjs/swagger';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { ModelFolder } from './support/model-folder.js';
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
    Object.entries(document.paths).flatMap(([path, { post }]): [string, Operation][] =>
      post && /\/predict(\/batch)?$/.test(path) ? [[path, post]] : [],
    );

  it('is OpenAPI 3.1, as JSON and as YAML', async () => {
    expect(document.openapi).toBe('3.1.0');
    expect(parse((await service.get('/openapi.yaml')).text)).toEqual(document);
  });

  it('is the same for all who ask first, at the same time', async () => {
    const fresh = await Service.start();
    try {
      const answers = await Promise.all(
        ['/openapi.json', '/openapi.yaml', '/openapi.json'].map((path) => fresh.get(path)),
      );
      for (const { text } of answers) expect(parse(text)).toEqual(document);
    } finally {
      await fresh.stop();
    }
  });

  it('follows the models: a lazy one has its schema once it is loaded', async () => {
    const folder = await ModelFolder.with({ 'iris/model.yaml': 'load: lazy\n' });
    await folder.copyShipped('iris/1.0.0');
    const lazy = await Service.start({ MODELS_DIR: folder.path });
    const schema = async () => {
      const { components } = (await lazy.get('/openapi.json')).json as OpenAPIObject;
      return components?.schemas?.['iris-1.0.0'];
    };
    try {
      expect(await schema()).toMatchObject({ description: 'Known once the model is loaded: by its first request.' });
      await lazy.post('/v1/models/iris/predict', {});
      expect(await schema()).toEqual(document.components?.schemas?.['iris-1.0.0']);
    } finally {
      await lazy.stop();
      await folder.remove();
    }
  });

  it.each(['/docs', '/docs/', '/redoc'])('%s asks for nothing that is not served', async (path) => {
    const { status, text } = await service.get(path);
    expect(status).toBe(200);
    const assets = [...text.matchAll(/(?:src|href|spec-url)="(\/[^"]+)"/g)].map(([, url]) => url ?? '');
    expect(assets.length).toBeGreaterThan(1);
    for (const url of assets) expect({ url, status: (await service.get(url)).status }).toEqual({ url, status: 200 });
  });

  it('documents the probes', async () => {
    const { responses } = document.paths['/health/ready']?.get ?? {};
    expect(Object.keys(responses ?? {})).toEqual(['200', '400', '408', '431', '500', '503']);
    const schema = document.components?.schemas?.ProbeDto;
    const validate = new Ajv2020({ strict: false }).compile(schema as object);
    expect(validate((await service.get('/health/ready')).json)).toBe(true);
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
    expect(Object.keys(responses ?? {})).toEqual([
      '200', '400', '404', '408', '413', '415', '431', '500', '503', '504',
    ]); // prettier-ignore
    expect(responses?.['400']).toMatchObject({
      description: expect.stringMatching(/`malformed_json`.*`malformed_request`/),
    });
  });

  it('tells of the limit where there is one, and of how many rows a batch may hold', async () => {
    const limited = await Service.start({ RATE_LIMIT: '100/1s', MAX_BATCH_SIZE: '7' });
    try {
      const { paths } = (await limited.get('/openapi.json')).json as OpenAPIObject;
      const answers = (path: string) => Object.keys((paths[path]?.post ?? paths[path]?.get)?.responses ?? {});
      for (const path of ['/predict', '/v1/models/iris/versions/1.0.0/predict/batch', '/v1/models'])
        expect(answers(path)).toContain('429');
      for (const path of ['/health/ready', '/metrics', '/v1/models/{model}/versions/{version}/load'])
        expect(answers(path)).not.toContain('429');
      const { schema } =
        (paths['/predict/batch']?.post?.requestBody as unknown as Body).content['application/json'] ?? {};
      expect(schema).toMatchObject({
        additionalProperties: false,
        properties: { requests: { minItems: 1, maxItems: 7 } },
      });
    } finally {
      await limited.stop();
    }
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
