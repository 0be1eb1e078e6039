import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

/**
 * Bundles the suite, the backend and TensorFlow.js (one copy) into one CommonJS file in `folder` and returns its path. Each
 * file of the suite sets `globalThis.specFile` before it declares its specs.
 */
export const bundleSuite = async (folder: string): Promise<string> => {
  const outfile = join(folder, 'suite.cjs')
  await build({
    entryPoints: [fileURLToPath(new URL('suite.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    // The suite's packages call themselves free of side effects; registering kernels and specs is all that they do.
    ignoreAnnotations: true,
    mainFields: ['module', 'main'],
    external: ['koffi', 'jasmine-core'],
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(outfile).href) },
    logLevel: 'error',
    plugins: [
      {
        name: 'name-the-file',
        setup: ({ onLoad }) => {
          onLoad({ filter: /tfjs-core[\\/]dist[\\/].*_test\.js$/ }, ({ path }) => {
            const file = path.replaceAll('\\', '/').replace(/^.*\/tfjs-core\/dist\/(.*)_test\.js$/, '$1')
            return { contents: `globalThis.specFile = '${file}';\n${readFileSync(path, 'utf8')}`, loader: 'js' }
          })
        },
      },
    ],
  })
  return outfile
}
