/**
 * @internal Options that make Node run this package's TypeScript sources in a child process or worker, for tests: it
 * strips types itself, but has to be told that imports without an extension mean `.ts` files.
 */
export const sourceLoader: readonly string[] = [
  '--no-warnings',
  '--import',
  `data:text/javascript,${encodeURIComponent(`
    import { registerHooks } from 'node:module'
    registerHooks({
      resolve(specifier, context, next) {
        try {
          return next(specifier, context)
        } catch (error) {
          if (specifier.startsWith('.')) return next(specifier + '.ts', context)
          throw error
        }
      },
    })`)}`,
]
