import type { Reporter, TestModule } from 'vitest/node'

/**
 * Ends the output with the whole run's totals on one line, for people and for scripts: `12 passed, 0 failed`.
 * A test file that cannot be loaded and an error outside any test each count as a failure.
 */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<unknown>): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    for (const module of modules) {
      let failures = 0
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') count.passed++
        else if (state === 'failed') failures++
        else count.skipped++
      }
      count.failed += failures === 0 && module.state() === 'failed' ? 1 : failures
    }
    if (count.skipped > 0) console.log(`\n${count.skipped} skipped`)
    console.log(`\n${count.passed} passed, ${count.failed} failed`)
  }
}
