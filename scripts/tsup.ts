import { globSync, rmSync } from 'node:fs'
import { defineConfig, type Options } from 'tsup'

/** Settings that every build of the workspace shares: readable output for current Node, with source maps. */
const shared: Options = {
  target: 'node22',
  platform: 'node',
  sourcemap: true,
  removeNodeProtocol: false,
  silent: true,
  // Without the root's path aliases, so that the other packages stay imports and are not copied in.
  tsconfig: 'tsconfig.build.json',
}

// What an earlier build left goes before any build begins: tsup's own `clean` would race where a folder has two
// configurations.
if (!process.argv.includes('--dts-only')) {
  for (const path of globSync('dist/**/*.{js,cjs,map}')) rmSync(path)
}

/**
 * A published package: ESM and CommonJS of each entry, with type declarations where `--dts-only` asks for them
 * (the `bundle` target makes the code in a second, the `types` target the declarations).
 */
export const library = (entry: Record<string, string>, options: Options = {}) =>
  defineConfig({
    ...shared,
    entry,
    format: ['esm', 'cjs'],
    esbuildOptions: (esbuild, { format }) => {
      if (format !== 'cjs') return
      esbuild.define = { ...esbuild.define, 'import.meta.url': 'moduleUrl' }
      esbuild.banner = { js: "'use strict'; const moduleUrl = require('node:url').pathToFileURL(__filename).href" }
    },
    ...options,
  })

/** A program of the workspace that is run by Node and not published. */
export const program = (entry: Record<string, string>, options: Options = {}) =>
  defineConfig({ ...shared, entry, format: ['esm'], ...options })
