#!/usr/bin/env node
import process from 'node:process'
import { runCommand } from './install/command'

process.exitCode = await runCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
  terminal: process.stderr.isTTY,
})
