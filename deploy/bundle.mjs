/**
 * Puts what `nest build` made, and the packages that it uses, into a few files in dist/bundle: Node looks up, reads and
 * links a thousand modules otherwise, which is half a second of a start.
 */
import { rolldown } from 'rolldown';

const bundle = await rolldown({
  platform: 'node',
  input: {
    main: 'dist/main.js',
    // Threads: they are files beside those that start them.
    'thread-main': 'dist/inference/threads/thread-main.js',
    'sqlite-main': 'dist/database/connection/sqlite-main.js',
    nestor: 'dist/cli/nestor.js',
  },
  external: [
    // Native, or with files of their own that they look for beside them.
    'onnxruntime-node',
    'swagger-ui-dist',
    /^@grpc\//,
    'grpc-health-check',
    // What packages would use if it were installed.
    '@fastify/static',
    /^@nestjs\/(microservices|platform-fastify|websockets)/,
    'pg-native',
  ],
  treeshake: false, // some packages do something as they load
});
await bundle.write({
  dir: 'dist/bundle',
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
