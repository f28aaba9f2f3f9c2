/**
 * Puts what `nest build` made, and the packages that it uses, into a few files in dist/bundle: Node looks up, reads and
 * links a thousand modules otherwise, which is half a second of a start.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const FOLDER = 'dist/bundle';

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
const { output } = await bundle.write({
  dir: FOLDER,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});

// Only now, and only what is not there any more: a service that runs from here loads some of it when it needs it.
const made = new Set(output.map(({ fileName }) => fileName));
for (const name of await readdir(FOLDER)) if (!made.has(name)) await rm(join(FOLDER, name), { recursive: true });
