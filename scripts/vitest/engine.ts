import { findPlugin, installPlugin } from '../../packages/tfjs-backend-xla/src/install/index'

const withoutXla = (reason: string): void => {
  console.warn(`\nThe tests of the xla engine are SKIPPED: ${reason}\nAll else runs on the portable engine.\n`)
}

/** Before the first test: makes sure that XLA's CPU plugin is on this machine, so that tests run on `xla` and on `cpu`. */
export default async (): Promise<void> => {
  if (process.env.BABBLE_TEST_ENGINES && !process.env.BABBLE_TEST_ENGINES.split(',').includes('xla')) {
    return withoutXla('BABBLE_TEST_ENGINES leaves it out.')
  }
  try {
    if (findPlugin({ device: 'auto' })) return
    console.log('No PJRT plugin was found: installing the CPU plugin (once for this user).')
    await installPlugin('cpu', { onProgress: (message) => console.log(`  ${message}`) })
  } catch (error) {
    withoutXla(error instanceof Error ? error.message : String(error))
  }
}
