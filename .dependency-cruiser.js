/**
 * The rooms of src/ from the bottom up. A room may use those before it, never those after it: what a change can
 * break is then what stands to its right.
 */
const ROOMS = [
  'common',
  'openapi',
  'config',
  'metrics',
  'logging',
  'tracing',
  'database',
  'redis',
  'history',
  'inference',
  'signature',
  'registry',
  'features',
  'cache',
  'http',
  'security',
  'audit',
  'prediction',
  'open-inference',
  'admin',
  'health',
  'grpc',
  'docs',
  'cluster',
  'cli',
];

const oneWay = ROOMS.map((room, index) => ({
  name: `${room}-looks-down-only`,
  comment: `${room} is below ${ROOMS.slice(index + 1).join(', ') || 'the application'}: an arrow upwards would tie them into one knot.`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: `^src/(${[...ROOMS.slice(index + 1)].join('|') || '$^'})/|^src/[^/]+\\.ts$` },
}));

export default {
  forbidden: [
    ...oneWay,
    {
      name: 'no-circles',
      comment: 'Files that need each other are one file, or need a third that both use.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'one-importer-of-the-runtime',
      comment: 'onnxruntime-node sits behind Session, so that what surprises in it is handled in one place.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/inference/onnx-session\\.ts$' },
      to: { path: 'onnxruntime-node' },
    },
    {
      name: 'the-database-is-loaded-in-the-background',
      comment:
        'Kysely and pg cost a start 150 ms of CPU: they are imported where a connection is opened, and as types elsewhere.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/database/connection/' },
      to: { path: 'node_modules/(kysely|pg)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'redis-is-loaded-in-the-background',
      comment: 'ioredis is imported where a connection is made, by those who have a REDIS_URL; as types elsewhere.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/redis/connect\\.ts$' },
      to: { path: 'node_modules/ioredis/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'opentelemetry-is-loaded-where-traces-are-collected',
      comment: 'It costs a start 200 ms of CPU, and most services have no collector.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/tracing/otel/' },
      to: { path: 'node_modules/@opentelemetry/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'opentelemetry-is-imported-late',
      comment: 'Its folder comes in by `await import()` alone, for the same reason.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/tracing/otel/' },
      to: { path: '^src/tracing/otel/', dependencyTypesNot: ['type-only', 'dynamic-import'] },
    },
    {
      name: 'grpc-is-loaded-by-its-first-client',
      comment:
        'Its libraries take 150 ms and 30 MB: what begins at serving.ts is imported when somebody connects, and their types elsewhere.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/grpc/(serving|protocols|unary)\\.ts$|^src/open-inference/grpc/' },
      to: { path: 'node_modules/(@grpc|protobufjs)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'documentation-is-loaded-by-those-who-read-it',
      comment:
        'Decorators come from src/openapi, which does not load @nestjs/swagger: it would add a third to the time of a start.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(openapi|docs)/' },
      to: { path: '@nestjs/swagger' },
    },
    {
      name: 'the-data-plane-knows-no-http',
      comment: 'Transports are thin edges on the data plane; it must serve gRPC as it serves HTTP.',
      severity: 'error',
      from: { path: '^src/(inference|signature|registry)/|^src/prediction/[^/]+\\.service\\.ts$' },
      to: { path: 'express|^src/http/|^node:http' },
    },
    {
      name: 'pure-rooms-know-no-framework',
      comment:
        'Signatures and the shared helpers are plain functions and classes: they are tested without an application.',
      severity: 'error',
      from: { path: '^src/(common|signature)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '@nestjs|express|pino' },
    },
    {
      name: 'tests-are-not-shipped',
      comment: 'What the service runs must not depend on what tests it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: '\\.spec\\.ts$|^test/|fast-check|@jest' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
