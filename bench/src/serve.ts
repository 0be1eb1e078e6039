import { createInterface } from 'node:readline'
import type { Introduction } from './contestant'

const say = (record: object): void => {
  process.stdout.write(`${JSON.stringify(record)}\n`)
}

/** The other end of `Contestant`: introduces this process and answers requests until its input ends. */
export const serve = async <R>(introduction: Introduction, answer: (request: R) => Promise<object>): Promise<void> => {
  say(introduction)
  for await (const line of createInterface({ input: process.stdin })) {
    if (!line.trim()) continue
    try {
      say(await answer(JSON.parse(line) as R))
    } catch (error) {
      say({ error: error instanceof Error ? error.message : String(error) })
    }
  }
}

/** Says that this process cannot take part, and why. */
export const decline = (error: unknown): void => {
  say({ unavailable: error instanceof Error ? error.message : String(error) })
}
