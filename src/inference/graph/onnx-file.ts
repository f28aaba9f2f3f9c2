import { type OnnxGraph, readGraph } from './onnx-graph.js';
import { standardDomain } from './onnx-node.js';
import { Budget, OnnxFileProblem } from './limits.js';
import { Fields } from './wire.js';

export { OnnxFileProblem } from './limits.js';

/** What an .onnx file says, without its weights: those are stepped over, and never copied. */
export interface OnnxModel {
  irVersion: number;
  producer: { name: string; version: string };
  /** Version by domain; the standard operators' domain is the empty name. */
  opsets: ReadonlyMap<string, number>;
  metadata: ReadonlyMap<string, string>;
  graph: OnnxGraph;
  /** Operators that the file defines itself, as `domain:name`. */
  functions: ReadonlySet<string>;
}

/**
 * Reads the bytes of an .onnx file; the model keeps views into them.
 *
 * @throws OnnxFileProblem with a reason fit for the model's author
 */
export function readOnnx(bytes: Uint8Array): OnnxModel {
  try {
    return readModel(new Fields(bytes, new Budget()));
  } catch (error) {
    if (error instanceof OnnxFileProblem) throw error;
    throw new OnnxFileProblem('is not a complete ONNX file (truncated, or another format)', { cause: error });
  }
}

function readModel(fields: Fields): OnnxModel {
  const producer = { name: '', version: '' };
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  const functions = new Set<string>();
  let irVersion = 0;
  let graph: OnnxGraph | undefined;
  while (fields.next()) {
    if (fields.number === 1) irVersion = fields.int();
    else if (fields.number === 2) producer.name = fields.text();
    else if (fields.number === 3) producer.version = fields.text();
    else if (fields.number === 7) graph = readGraph(fields.only());
    else if (fields.number === 8) addOpset(opsets, fields.message());
    else if (fields.number === 14) addProperty(metadata, fields.message());
    else if (fields.number === 25) functions.add(functionName(fields.message()));
  }
  if (!graph) throw new OnnxFileProblem('has no graph: it is truncated, or another format');
  return { irVersion, producer, opsets, metadata, graph, functions };
}

function addOpset(opsets: Map<string, number>, fields: Fields): void {
  let domain = '';
  let version = 0;
  while (fields.next()) {
    if (fields.number === 1) domain = standardDomain(fields.text());
    else if (fields.number === 2) version = fields.int();
  }
  // skl2onnx names the same version twice.
  if ((opsets.get(domain) ?? version) !== version) {
    throw new OnnxFileProblem(`names two versions of the operators of "${domain}"`);
  }
  opsets.set(domain, version);
}

function addProperty(metadata: Map<string, string>, fields: Fields): void {
  let key = '';
  let value = '';
  while (fields.next()) {
    if (fields.number === 1) key = fields.text();
    else if (fields.number === 2) value = fields.text();
  }
  metadata.set(key, value);
}

function functionName(fields: Fields): string {
  let name = '';
  let domain = '';
  while (fields.next()) {
    if (fields.number === 1) name = fields.text();
    else if (fields.number === 10) domain = standardDomain(fields.text());
  }
  return `${domain}:${name}`;
}
