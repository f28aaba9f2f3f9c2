import { isJsonObject, type JsonObject } from '../../common/json-schema/json-schema.js';
import { failed, quoted } from '../contract.js';
import { checkInputParameters, checkOutputParameters, timeoutOf } from '../parameters.js';

/** An input as it stands in the JSON of a request. */
export interface SentInput {
  name: string;
  datatype: string;
  /** Sizes, as far as is known yet. */
  shape: readonly number[];
  /** Its values; undefined where they are binary. */
  data: unknown;
  /** Bytes of its binary data, after the JSON; undefined where its values stand in the JSON. */
  bytes: number | undefined;
}

export interface SentOutput {
  name: string;
  /** Whether it is to come back as binary data; undefined: as the request says of all. */
  isBinary: boolean | undefined;
}

/** The JSON of a request, with all that is not a tensor's values checked. */
export interface InferBody {
  id: string | undefined;
  inputs: readonly SentInput[];
  /** Without them, or without one of them: all. */
  outputs: readonly SentOutput[];
  /** Whether outputs come back as binary data that say nothing of it. */
  isBinary: boolean;
  /** Milliseconds that it may take. */
  timeoutMs: number | undefined;
}

/**
 * Reads the JSON of a request. Some clients write null for what they leave out, and members of their own beside the
 * protocol's: both are passed over.
 *
 * @throws DomainError `validation_failed`, `not_supported`
 */
export function readInferBody(body: unknown): InferBody {
  if (!isJsonObject(body)) throw failed(['the body must be a JSON object: {"inputs": [...]}']);
  const { id, inputs, outputs } = body;
  if (id !== undefined && id !== null && typeof id !== 'string') throw failed(['id must be a text']);
  if (!Array.isArray(inputs)) throw failed(['inputs must be a list of tensors']);
  if (outputs !== undefined && outputs !== null && !Array.isArray(outputs)) throw failed(['outputs must be a list']);
  if (inputs.length > MAX_TENSORS || (outputs?.length ?? 0) > MAX_TENSORS)
    throw failed([`inputs and outputs must be at most ${MAX_TENSORS} each`]);
  const parameters = parametersOf(body, 'the request');
  return {
    id: id ?? undefined,
    inputs: inputs.map(readInput),
    outputs: Array.isArray(outputs) ? outputs.map(readOutput) : [],
    isBinary: flagOf(parameters, 'binary_data_output', 'the request') ?? false,
    timeoutMs: timeoutOf(parameters),
  };
}

function readInput(input: unknown, position: number): SentInput {
  const place = `inputs[${position}]`;
  if (!isJsonObject(input)) throw failed([`${place} must be a JSON object: a tensor`]);
  const { name, datatype, shape, data } = input;
  if (typeof name !== 'string') throw failed([`${place} must have a name`]);
  const title = `input ${quoted(name)}`;
  if (typeof datatype !== 'string') throw failed([`${title} must have a datatype`]);
  if (!Array.isArray(shape)) throw failed([`${title} must have a shape, a list of sizes`]);
  const parameters = parametersOf(input, title);
  checkInputParameters(parameters, title);
  const bytes = sizeOf(parameters, title);
  const hasData = data !== undefined && data !== null;
  if (bytes !== undefined && hasData) throw failed([`${title} has both data and binary_data_size`]);
  if (bytes === undefined && !hasData) throw failed([`${title} has neither data nor binary_data_size`]);
  return { name, datatype, shape: shape as number[], data, bytes };
}

function readOutput(output: unknown, position: number): SentOutput {
  const place = `outputs[${position}]`;
  if (!isJsonObject(output) || typeof output.name !== 'string')
    throw failed([`${place} must be an object with a name`]);
  const title = `output ${quoted(output.name)}`;
  const parameters = parametersOf(output, title);
  checkOutputParameters(parameters, title);
  return { name: output.name, isBinary: flagOf(parameters, 'binary_data', title) };
}

function parametersOf({ parameters }: JsonObject, title: string): JsonObject {
  if (parameters === undefined || parameters === null) return NOTHING;
  if (!isJsonObject(parameters)) throw failed([`parameters of ${title} must be an object`]);
  return parameters;
}

function flagOf(parameters: JsonObject, name: string, title: string): boolean | undefined {
  const flag = parameters[name] ?? undefined;
  if (flag !== undefined && typeof flag !== 'boolean') throw failed([`${name} of ${title} must be true or false`]);
  return flag;
}

function sizeOf({ binary_data_size: size }: JsonObject, title: string): number | undefined {
  if (size === undefined || size === null) return undefined;
  if (Number.isSafeInteger(size) && (size as number) >= 0) return size as number;
  throw failed([`binary_data_size of ${title} must be a whole number from 0 on`]);
}

/** More than any model has: each is looked at before it is known which the model has. */
const MAX_TENSORS = 10_000;

const NOTHING: JsonObject = Object.freeze({});
