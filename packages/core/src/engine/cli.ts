#!/usr/bin/env node
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { runEngineCommand } from './command'
import { answerProbe } from './doctor/probe'

const args = process.argv.slice(2)
if (args[0] === 'probe' && process.send) await answerProbe(args.slice(1))
else {
  process.exitCode = await runEngineCommand(args, {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
    program: fileURLToPath(import.meta.url),
    isTerminal: process.stderr.isTTY ?? false,
  })
}
