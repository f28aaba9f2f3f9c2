import { type RandomStep } from './random-graph.js';
import { RANDOM_LAYERS } from './random-layers.js';
import { RANDOM_SHAPES } from './random-shapes.js';
import { RANDOM_VALUES } from './random-values.js';

export const RANDOM_STEPS: readonly RandomStep[] = [RANDOM_VALUES, RANDOM_SHAPES, RANDOM_LAYERS].flatMap(
  Object.values<RandomStep>,
);
