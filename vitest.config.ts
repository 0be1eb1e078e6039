import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Tests run from the sources of all packages, so nothing has to be built first.
export default defineConfig({
  resolve: {
    alias: [
      { find: /^@babble\/([^/]+)\/(gradients)$/, replacement: source('./packages/$1/src/$2.ts') },
      { find: /^@babble\/([^/]+)\/testing$/, replacement: source('./packages/$1/src/testing/index.ts') },
      { find: /^@babble\/([^/]+)\/plugin$/, replacement: source('./packages/$1/src/plugin/index.ts') },
      { find: /^@babble\/example-([^/]+)$/, replacement: source('./examples/$1/src/index.ts') },
      { find: /^@babble\/([^/]+)$/, replacement: source('./packages/$1/src/index.ts') },
    ],
  },
  test: {
    pool: 'forks',
    include: ['packages/*/{src,conformance}/**/*.test.ts', 'examples/*/src/**/*.test.ts', 'bench/src/**/*.test.ts'],
    globalSetup: [source('./scripts/vitest/engine.ts')],
    reporters: ['default', source('./scripts/vitest/totals.ts')],
    testTimeout: 120_000,
    // What the tests compile is not kept in the user's cache.
    env: { BABBLE_PROGRAM_CACHE: 'off' },
    // TensorFlow.js publishes its gradient functions as ES modules without file extensions, which only a bundler resolves.
    server: { deps: { inline: [/@tensorflow\/tfjs/] } },
  },
})
