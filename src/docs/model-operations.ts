import { type OpenAPIObject } from '@nestjs/swagger';
import { BatchRequestDto } from '../prediction/http/batch.dto.js';
import { type Model } from '../registry/model.js';
import { type ModelVersion } from '../registry/model-version.js';

type Paths = OpenAPIObject['paths'];
type PathItem = Paths[string];
type Operation = NonNullable<PathItem['post']>;
type Schema = Record<string, unknown>;

const ONE = '/v1/models/{model}/predict';
const BATCH = '/v1/models/{model}/predict/batch';
const BY_KEY = '/predict-with-preprocessing';

/**
 * The document with operations of each served model in place of the templates for any: its real row schema and an
 * example that works.
 */
export function withModelOperations(
  base: OpenAPIObject,
  models: readonly Model[],
  defaultModel: Model | undefined,
): OpenAPIObject {
  const paths: Paths = {};
  const schemas: Record<string, Schema> = {};
  for (const [path, item] of Object.entries(base.paths)) {
    if (!isPredictionTemplate(path)) paths[path] = item;
  }
  for (const model of models) {
    for (const version of model.versions.filter(({ canServe }) => canServe)) {
      const row = rowOf(model, version, schemas, base);
      const isDefault = version === model.default;
      if (isDefault) addOperations(paths, base.paths, `/v1/models/${model.name}`, model.name, row);
      addOperations(
        paths,
        base.paths,
        `/v1/models/${model.name}/versions/${version.version}`,
        `${model.name} ${version.version}`,
        row,
      );
      if (isDefault && model === defaultModel) {
        for (const path of ['/predict', '/predict/cached']) paths[path] = withBody(base.paths[path], row.single);
        paths['/predict/batch'] = withBody(base.paths['/predict/batch'], row.batch);
        if (row.keyed) paths[BY_KEY] = withBody(base.paths[BY_KEY], row.keyed);
      }
    }
  }
  return {
    ...base,
    paths,
    components: { ...base.components, schemas: { ...base.components?.schemas, ...(schemas as object) } },
  };
}

function isPredictionTemplate(path: string): boolean {
  return path.startsWith('/v1/models/{model}/') && /\/predict(\/batch)?$/.test(path);
}

/** The request bodies of a version: one row, many, and one whose stored features are looked up. */
function rowOf(model: Model, version: ModelVersion, schemas: Record<string, Schema>, base: OpenAPIObject) {
  const signature = version.loaded?.signature;
  const name = freeName(`${model.name}-${version.version}`, schemas);
  schemas[name] = signature?.rowSchema ?? {
    type: 'object',
    description: 'Known once the model is loaded: by its first request.',
  };
  const schema = { $ref: `#/components/schemas/${name}` };
  const { example, lookup } = signature ?? {};
  const envelope = base.components?.schemas?.[BatchRequestDto.name] as { properties: { requests: Schema } };
  const { requests } = envelope.properties;
  return {
    description: signature?.description ?? model.spec.description,
    single: { schema, ...(example && { example }) },
    batch: {
      schema: { ...envelope, properties: { requests: { ...requests, items: schema } } },
      ...(example && { example: { requests: [example, example] } }),
    },
    keyed: lookup && {
      schema: lookup.keyedSchema,
      ...(example && { example: lookup.keyedExample(example) }),
    },
  };
}

function freeName(name: string, taken: Record<string, unknown>): string {
  let free = name;
  for (let i = 2; Object.hasOwn(taken, free); i++) free = `${name}-${String(i)}`;
  return free;
}

function addOperations(
  paths: Paths,
  templates: Paths,
  prefix: string,
  title: string,
  row: ReturnType<typeof rowOf>,
): void {
  const hasVersion = prefix.includes('/versions/');
  paths[`${prefix}/predict`] = operationOf(
    templates[ONE],
    `Predict one row with ${title}`,
    title,
    row.single,
    row.description,
    hasVersion,
  );
  paths[`${prefix}/predict/batch`] = operationOf(
    templates[BATCH],
    `Predict many rows with ${title}`,
    title,
    row.batch,
    row.description,
    hasVersion,
  );
}

function operationOf(
  template: PathItem | undefined,
  summary: string,
  title: string,
  body: Schema,
  description: string | undefined,
  hasVersion: boolean,
): PathItem {
  const { post } = withBody(template, body);
  // What the path says already. A version in a header beside one in the path could only disagree with it.
  const isSaid = (name: string, place: string) => place === 'path' || (hasVersion && name === 'X-Model-Version');
  const parameters = post?.parameters?.filter((one) => !('in' in one) || !isSaid(one.name, one.in));
  const operation: Operation = {
    ...(post as Operation),
    operationId: summary.replaceAll(' ', '_'),
    summary,
    ...(description !== undefined && { description }),
    tags: [`Model ${title.split(' ', 1)[0] ?? title}`],
    ...(parameters && { parameters }),
  };
  return { post: operation };
}

function withBody(item: PathItem | undefined, body: Schema): PathItem {
  const post = item?.post as Operation;
  return { ...item, post: { ...post, requestBody: { required: true, content: { 'application/json': body } } } };
}
