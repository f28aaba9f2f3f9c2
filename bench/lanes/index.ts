import { BARE_NODE, BARE_NODE_ALONE } from './bare-node/lane.ts';
import { FASTAPI_ONNXRUNTIME, FASTAPI_TUNED, FASTAPI_TUTORIAL } from './fastapi/lane.ts';
import { type Lane } from './lane.ts';
import { NESTOR, NESTOR_QUIET } from './nestor/lane.ts';

/** The lane that the others are compared with. */
export const RULER = BARE_NODE;

export const LANES: readonly Lane[] = [
  NESTOR,
  NESTOR_QUIET,
  FASTAPI_TUTORIAL,
  FASTAPI_ONNXRUNTIME,
  FASTAPI_TUNED,
  BARE_NODE,
  BARE_NODE_ALONE,
];
