/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testRegex: '\\.(spec|test)\\.ts$',
  // onnxruntime-node checks its tensors with instanceof: tests must see the host's typed arrays.
  testEnvironment: '<rootDir>/test/support/host-arrays.environment.js',
  transform: { '^.+\\.ts$': '@swc/jest' },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    // Threads have no transform of Jest's: they run what was built, as in production.
    '/thread-entry\\.js$': '<rootDir>/dist/inference/threads/thread-entry.js',
    '/sqlite-entry\\.js$': '<rootDir>/dist/database/connection/sqlite-entry.js',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  // Python's packages are none of Jest's.
  modulePathIgnorePatterns: ['/\\.venv/'],
  testTimeout: 30_000,
  // Half of the time the tests wait for something: one process for each core, though Jest leaves one free.
  maxWorkers: '100%',
};
