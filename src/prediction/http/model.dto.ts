import { ApiProperty, ApiPropertyOptional } from '../../openapi/decorators.js';
import { type Placed } from '../../inference/engine.js';
import { type TensorInfo } from '../../inference/tensor.js';
import { DECISION_KINDS, type DecisionKind } from '../../registry/decisions.js';
import { type LoadedVersion } from '../../registry/loaded-version.js';
import { type Model } from '../../registry/model.js';
import { type ModelVersion, VERSION_STATES, type VersionState } from '../../registry/model-version.js';
import { type Lookup } from '../../signature/lookup.js';
import { type Signature } from '../../signature/signature.js';

export class TensorDto {
  @ApiProperty({ example: 'features' })
  name!: string;

  @ApiProperty({ example: 'float32' })
  type!: string;

  @ApiProperty({
    type: 'array',
    items: { oneOf: [{ type: 'integer' }, { type: 'string' }] },
    description: 'A dimension of any size is its symbol',
    example: ['N', 9],
  })
  shape!: readonly (number | string)[];
}

export class LookupDto {
  @ApiProperty({ description: 'What a row gives to have its stored features looked up', example: 'customer_id' })
  key!: string;

  @ApiProperty({ example: 'customer_features' })
  table!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Column by feature',
    example: { income: 'annual_income' },
  })
  columns!: Record<string, string>;
}

export class SignatureDto {
  @ApiProperty({ enum: ['binary', 'multiclass', 'regression', 'raw'], example: 'binary' })
  task!: string;

  @ApiProperty({ type: 'object', additionalProperties: true, description: 'JSON Schema of one row' })
  features!: object;

  @ApiPropertyOptional({ type: LookupDto, description: 'The features that are stored, where some are' })
  lookup?: LookupDto;

  @ApiPropertyOptional({ type: [String], example: ['declined', 'approved'] })
  classes?: readonly string[];

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, description: 'A row that the schema accepts' })
  example?: object;
}

export class VersionDto {
  @ApiProperty({ example: '1.0.0' })
  version!: string;

  @ApiProperty({ enum: VERSION_STATES, example: 'READY' })
  state!: VersionState;

  @ApiPropertyOptional({
    description: 'Why it is FAILED or not served',
    example: 'signature.yaml:12: inputs.features: …',
  })
  reason?: string;

  @ApiProperty({ type: [String], example: ['stable'] })
  labels!: string[];

  @ApiPropertyOptional({ description: 'Size of model.onnx in bytes', example: 1083 })
  size?: number;

  @ApiPropertyOptional({ description: 'Seconds that loading and checking took', example: 0.012 })
  load_time?: number;

  @ApiPropertyOptional({ description: 'Memory in bytes, as measured when it was loaded', example: 1_050_000 })
  memory_bytes?: number;

  @ApiPropertyOptional({ description: 'When it was loaded or ran last', example: '2026-01-31T12:00:00.000Z' })
  last_used?: string;

  static from(model: Model, { version, state, reason, entry, loadSeconds, loaded }: ModelVersion): VersionDto {
    return Object.assign(new VersionDto(), {
      version,
      state,
      ...(reason !== undefined && { reason }),
      labels: model.labelsOf(version),
      ...(entry.bytes !== undefined && { size: entry.bytes }),
      ...(loadSeconds !== undefined && { load_time: Number(loadSeconds.toFixed(6)) }),
      ...(loaded && { memory_bytes: loaded.bytes, last_used: toIso(loaded.batcher.lastUsed) }),
    });
  }
}

export class BatchingDto {
  @ApiProperty({ enum: ['on', 'off', 'auto'], description: 'What signature.yaml asks for', example: 'auto' })
  mode!: string;

  @ApiProperty({ description: 'Whether rows of different requests share runs' })
  coalesced!: boolean;

  @ApiProperty({ example: 'rows are independent: proven from the graph, and tried out' })
  reason!: string;
}

export class ExecutionDto {
  @ApiProperty({ enum: ['inline', 'threads'], description: 'On the HTTP thread, or on worker threads' })
  placement!: string;

  @ApiPropertyOptional({ description: 'Worker threads that are alive', example: 1 })
  threads?: number;

  @ApiProperty()
  batching!: BatchingDto;

  @ApiPropertyOptional({ description: 'Rows that one run may hold; absent where a request is one run', example: 64 })
  run_rows?: number;

  @ApiPropertyOptional({ description: 'Milliseconds of a run with one row, as measured when it loaded', example: 0.02 })
  row_ms?: number;
}

export class VersionDetailsDto extends VersionDto {
  @ApiPropertyOptional()
  description?: string;

  @ApiPropertyOptional({
    type: SignatureDto,
    description: 'Absent where the model takes tensors only, or is not loaded',
  })
  signature?: SignatureDto;

  @ApiPropertyOptional({ type: [TensorDto], description: "The graph's inputs; absent while it is not loaded" })
  inputs?: readonly TensorInfo[];

  @ApiPropertyOptional({ type: [TensorDto] })
  outputs?: readonly TensorInfo[];

  @ApiPropertyOptional({ type: ExecutionDto, description: 'How it is run; absent while it is not loaded' })
  execution?: ExecutionDto;

  @ApiPropertyOptional({ type: [String], description: 'What keeps some requests from being answered' })
  warnings?: readonly string[];

  /** @param warnings what keeps some requests from being answered */
  static override from(model: Model, version: ModelVersion, warnings: readonly string[] = []): VersionDetailsDto {
    const { loaded } = version;
    return Object.assign(
      new VersionDetailsDto(),
      VersionDto.from(model, version),
      loaded && detailsOf(loaded),
      warnings.length > 0 && { warnings },
    );
  }
}

export class DecisionDto {
  @ApiProperty({ enum: DECISION_KINDS, example: 'label' })
  kind!: DecisionKind;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The label or the version that it is about; null for the default',
    example: 'stable',
  })
  name!: string | null;

  @ApiProperty({ description: 'A version, a label, `load` or `unload`', example: '1.0.0' })
  value!: string;

  @ApiProperty({ example: '2026-11-24T02:20:00.000Z' })
  at!: string;

  @ApiProperty({ example: 'local' })
  who!: string;
}

export class ModelDto {
  @ApiProperty({ example: 'credit-risk' })
  name!: string;

  @ApiPropertyOptional({ example: 'Decides loan applications' })
  description?: string;

  @ApiProperty({ description: 'Whether POST /predict asks this model' })
  primary!: boolean;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The version that answers where a request names none',
    example: '1.0.0',
  })
  default_version!: string | null;

  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, example: { stable: '1.0.0' } })
  labels!: Record<string, string>;

  @ApiPropertyOptional({
    oneOf: [{ type: 'boolean' }, { type: 'object', required: ['ttl'], properties: { ttl: { type: 'string' } } }],
    description: 'Whether predictions are cached, as model.yaml says; absent: at /predict/cached only',
    example: { ttl: '60s' },
  })
  cache?: boolean | { ttl: string };

  @ApiPropertyOptional({ description: 'Why none of it can be served' })
  reason?: string;

  @ApiProperty({
    type: [DecisionDto],
    description: 'What admin calls decided; it wins over model.yaml, which says the rest',
  })
  decisions!: DecisionDto[];

  @ApiPropertyOptional({ type: [String], description: 'What model.yaml or an admin call says and cannot be followed' })
  warnings?: readonly string[];

  @ApiProperty({ type: [VersionDto], description: 'From old to new' })
  versions!: VersionDto[];

  static from(model: Model, primary: boolean): ModelDto {
    const { name, spec, labels, decisions, problem, warnings } = model;
    return Object.assign(new ModelDto(), {
      name,
      ...(spec.description !== undefined && { description: spec.description }),
      primary,
      default_version: model.default?.version ?? null,
      labels,
      decisions: decisions.map(({ kind, name: about, value, at, who }) => ({
        kind,
        name: about === '' ? null : about,
        value,
        at,
        who,
      })),
      ...(spec.cache !== undefined && { cache: spec.cache }),
      ...(problem !== undefined && { reason: problem }),
      ...(warnings.length > 0 && { warnings }),
      versions: model.versions.map((version) => VersionDto.from(model, version)),
    });
  }
}

export class ModelListDto {
  @ApiProperty({ type: [ModelDto] })
  models!: ModelDto[];
}

function detailsOf({ signature, graph: { inputs, outputs }, placed }: LoadedVersion): Partial<VersionDetailsDto> {
  return { ...(signature && signatureOf(signature)), inputs, outputs, execution: executionOf(placed) };
}

function lookupOf({ key, table, features }: Lookup): LookupDto {
  return { key, table, columns: Object.fromEntries(features.map(({ feature, column }) => [feature.name, column])) };
}

/** @param at by the monotonic clock */
function toIso(at: number): string {
  return new Date(performance.timeOrigin + at).toISOString();
}

function signatureOf({ description, task, rowSchema, lookup, classes, example }: Signature) {
  const signature: SignatureDto = {
    task,
    features: rowSchema,
    ...(lookup && { lookup: lookupOf(lookup) }),
    ...(classes && { classes }),
    ...(example && { example }),
  };
  return { ...(description !== undefined && { description }), signature };
}

function executionOf({ lane, batching, runRows, speed }: Placed): ExecutionDto {
  const { mode, coalesced, reason } = batching;
  return {
    placement: lane.placement,
    ...(lane.placement === 'threads' && { threads: lane.width }),
    batching: { mode, coalesced, reason },
    ...(Number.isFinite(runRows) && { run_rows: runRows }),
    ...(speed && { row_ms: Number(speed.rowMs.toFixed(4)) }),
  };
}
