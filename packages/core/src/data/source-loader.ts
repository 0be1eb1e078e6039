/**
 * Options that make Node run this package's TypeScript sources in a thread, for tests: what types need beyond being stripped, and that
 * imports without an extension mean `.ts` files.
 */
export const sourceLoader: readonly string[] = [
  '--no-warnings',
  '--experimental-transform-types',
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
